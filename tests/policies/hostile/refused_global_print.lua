-- the host function print is out of reach
-- expect: refused
-- message: unknown global "print"
rule "hostile" { tier = 0, when = function() return print ~= nil end }
