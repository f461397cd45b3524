-- redact: a list with a name in it
-- expect: refused
-- message: a plain list of fields
redact { "context.a", patient = "context.patient" }
rule "hostile" { tier = 0, match = { operation = "x" } }
