-- load except on deny
-- expect: refused
-- message: no exceptions
rule "hostile" { tier = 3, except = { operation = "x" } }
