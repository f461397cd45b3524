-- the host function coroutine is out of reach
-- expect: refused
-- message: unknown global "coroutine"
rule "hostile" { tier = 0, when = function() return coroutine ~= nil end }
