-- the host function setfenv is out of reach
-- expect: refused
-- message: unknown global "setfenv"
rule "hostile" { tier = 0, when = function() return setfenv ~= nil end }
