-- the host function _G is out of reach
-- expect: refused
-- message: unknown global "_G"
rule "hostile" { tier = 0, when = function() return _G ~= nil end }
