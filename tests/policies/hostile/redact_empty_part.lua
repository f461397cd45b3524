-- redact: an empty part
-- expect: refused
-- message: parts between dots
redact { "context..x" }
rule "hostile" { tier = 0, match = { operation = "x" } }
