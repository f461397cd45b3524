-- redact: money is not redacted
-- expect: refused
-- message: has to stay readable
redact { "estimated_cost_usd" }
rule "hostile" { tier = 0, match = { operation = "x" } }
