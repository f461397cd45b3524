-- redact: an unknown field
-- expect: refused
-- message: unknown field
redact { "contxt.patient" }
rule "hostile" { tier = 0, match = { operation = "x" } }
