-- refused member math random
-- expect: refused
-- message: there is no math.random
rule "hostile" { tier = 0, when = function() return math.random() == nil end }
