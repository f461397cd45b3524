-- load glob open
-- expect: refused
rule "hostile" { tier = 0, match = { command = { glob = "[a" } } }
