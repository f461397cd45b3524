-- the host function bit32 is out of reach
-- expect: refused
-- message: unknown global "bit32"
rule "hostile" { tier = 0, when = function() return bit32 ~= nil end }
