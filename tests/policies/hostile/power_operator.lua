-- power operator
-- expect: refused
-- message: may differ between machines
rule "hostile" { tier = 0, when = function() return 2 ^ 0.5 > 1 end }
