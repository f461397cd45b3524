-- redact: names are no list
-- expect: refused
-- message: the list is empty
redact { patient = "context.patient" }
rule "hostile" { tier = 0, match = { operation = "x" } }
