-- the host function jit is out of reach
-- expect: refused
-- message: unknown global "jit"
rule "hostile" { tier = 0, when = function() return jit ~= nil end }
