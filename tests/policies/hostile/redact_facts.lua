-- redact: facts are the engine's
-- expect: refused
-- message: has to stay readable
redact { "facts.agent.owner" }
rule "hostile" { tier = 0, match = { operation = "x" } }
