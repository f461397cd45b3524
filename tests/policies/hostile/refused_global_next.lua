-- the host function next is out of reach
-- expect: refused
-- message: unknown global "next"
rule "hostile" { tier = 0, when = function() return next ~= nil end }
