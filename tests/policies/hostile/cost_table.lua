-- cost table
-- expect: result
-- message: US dollars
rule "hostile" { tier = 0, cost = function() return {} end }
