-- the host function loadfile is out of reach
-- expect: refused
-- message: unknown global "loadfile"
rule "hostile" { tier = 0, when = function() return loadfile ~= nil end }
