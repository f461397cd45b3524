-- the host function setmetatable is out of reach
-- expect: refused
-- message: unknown global "setmetatable"
rule "hostile" { tier = 0, when = function() return setmetatable ~= nil end }
