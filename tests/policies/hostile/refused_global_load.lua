-- the host function load is out of reach
-- expect: refused
-- message: unknown global "load"
rule "hostile" { tier = 0, when = function() return load ~= nil end }
