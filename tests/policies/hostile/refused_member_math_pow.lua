-- refused member math pow
-- expect: refused
-- message: there is no math.pow
rule "hostile" { tier = 0, when = function() return math.pow(2, 3) == nil end }
