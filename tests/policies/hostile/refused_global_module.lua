-- the host function module is out of reach
-- expect: refused
-- message: unknown global "module"
rule "hostile" { tier = 0, when = function() return module ~= nil end }
