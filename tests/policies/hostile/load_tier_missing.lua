-- load tier missing
-- expect: refused
-- message: tier is missing
rule "hostile" { }
