-- the host function utf8 is out of reach
-- expect: refused
-- message: unknown global "utf8"
rule "hostile" { tier = 0, when = function() return utf8 ~= nil end }
