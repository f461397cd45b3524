-- redact: a mistake is not caught
-- expect: refused
-- message: unknown field
pcall(function() redact { "nope" } end)
rule "hostile" { tier = 0, match = { operation = "x" } }
