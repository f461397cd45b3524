-- the host function rawlen is out of reach
-- expect: refused
-- message: unknown global "rawlen"
rule "hostile" { tier = 0, when = function() return rawlen ~= nil end }
