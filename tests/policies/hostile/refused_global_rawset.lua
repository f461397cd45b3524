-- the host function rawset is out of reach
-- expect: refused
-- message: unknown global "rawset"
rule "hostile" { tier = 0, when = function() return rawset ~= nil end }
