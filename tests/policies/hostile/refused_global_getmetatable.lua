-- the host function getmetatable is out of reach
-- expect: refused
-- message: unknown global "getmetatable"
rule "hostile" { tier = 0, when = function() return getmetatable ~= nil end }
