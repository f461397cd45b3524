-- refused member math sin
-- expect: refused
-- message: there is no math.sin
rule "hostile" { tier = 0, when = function() return math.sin(1) == nil end }
