-- redact: a text has no members
-- expect: refused
-- message: this field has no members
redact { "command.argv" }
rule "hostile" { tier = 0, match = { operation = "x" } }
