-- cost huge
-- expect: result
rule "hostile" { tier = 0, cost = function() return "99999999999999999999" end }
