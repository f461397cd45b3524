-- load name with newline
-- expect: refused
-- message: rule name
rule "a\nb" { tier = 0 }
