-- the host function getfenv is out of reach
-- expect: refused
-- message: unknown global "getfenv"
rule "hostile" { tier = 0, when = function() return getfenv ~= nil end }
