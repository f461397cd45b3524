-- redact: no text
-- expect: refused
-- message: expected a text
redact { 12 }
rule "hostile" { tier = 0, match = { operation = "x" } }
