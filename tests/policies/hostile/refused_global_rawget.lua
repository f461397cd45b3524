-- the host function rawget is out of reach
-- expect: refused
-- message: unknown global "rawget"
rule "hostile" { tier = 0, when = function() return rawget ~= nil end }
