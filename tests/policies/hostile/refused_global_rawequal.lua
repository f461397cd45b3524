-- the host function rawequal is out of reach
-- expect: refused
-- message: unknown global "rawequal"
rule "hostile" { tier = 0, when = function() return rawequal ~= nil end }
