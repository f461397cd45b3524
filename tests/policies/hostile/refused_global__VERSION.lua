-- the host function _VERSION is out of reach
-- expect: refused
-- message: unknown global "_VERSION"
rule "hostile" { tier = 0, when = function() return _VERSION ~= nil end }
