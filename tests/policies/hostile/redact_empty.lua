-- redact: nothing in it
-- expect: refused
-- message: the list is empty
redact {}
rule "hostile" { tier = 0, match = { operation = "x" } }
