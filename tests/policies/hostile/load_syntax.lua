-- load syntax
-- expect: refused
-- message: expected
rule "hostile" { tier = 0
