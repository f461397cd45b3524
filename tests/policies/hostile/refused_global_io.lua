-- the host function io is out of reach
-- expect: refused
-- message: unknown global "io"
rule "hostile" { tier = 0, when = function() return io ~= nil end }
