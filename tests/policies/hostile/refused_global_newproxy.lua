-- the host function newproxy is out of reach
-- expect: refused
-- message: unknown global "newproxy"
rule "hostile" { tier = 0, when = function() return newproxy ~= nil end }
