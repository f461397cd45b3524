-- load tier float
-- expect: refused
-- message: expected 0, 1, 2 or 3
rule "hostile" { tier = 0.5 }
