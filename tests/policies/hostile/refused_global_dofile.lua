-- the host function dofile is out of reach
-- expect: refused
-- message: unknown global "dofile"
rule "hostile" { tier = 0, when = function() return dofile ~= nil end }
