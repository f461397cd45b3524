-- the host function warn is out of reach
-- expect: refused
-- message: unknown global "warn"
rule "hostile" { tier = 0, when = function() return warn ~= nil end }
