-- next steps list
-- expect: result
-- message: a text
rule "hostile" { tier = 0, next_steps = function() return { "a" } end }
