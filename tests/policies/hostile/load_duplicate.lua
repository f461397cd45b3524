-- load duplicate
-- expect: refused
-- message: name is taken
rule "hostile" { tier = 0 }
rule "hostile" { tier = 3 }
