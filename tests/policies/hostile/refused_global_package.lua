-- the host function package is out of reach
-- expect: refused
-- message: unknown global "package"
rule "hostile" { tier = 0, when = function() return package ~= nil end }
