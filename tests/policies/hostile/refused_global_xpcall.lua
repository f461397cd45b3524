-- the host function xpcall is out of reach
-- expect: refused
-- message: unknown global "xpcall"
rule "hostile" { tier = 0, when = function() return xpcall ~= nil end }
