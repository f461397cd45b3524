-- a group whose error is caught must not go on around the rules after it
-- expect: refused
-- message: a group ended with an error
pcall(group "mine", { match = { operation = "never" }, rules = function() error("out") end })
rule "hostile" { tier = 3, because = "This must not be narrowed" }
