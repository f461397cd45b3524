-- the host function os is out of reach
-- expect: refused
-- message: unknown global "os"
rule "hostile" { tier = 0, when = function() return os ~= nil end }
