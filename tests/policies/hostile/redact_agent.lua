-- redact: who asks stays readable
-- expect: refused
-- message: has to stay readable
redact { "justification", "agent_identity" }
rule "hostile" { tier = 0, match = { operation = "x" } }
