-- the host function loadstring is out of reach
-- expect: refused
-- message: unknown global "loadstring"
rule "hostile" { tier = 0, when = function() return loadstring ~= nil end }
