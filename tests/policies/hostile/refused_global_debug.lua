-- the host function debug is out of reach
-- expect: refused
-- message: unknown global "debug"
rule "hostile" { tier = 0, when = function() return debug ~= nil end }
