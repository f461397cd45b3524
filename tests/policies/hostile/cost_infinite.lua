-- cost infinite
-- expect: result
rule "hostile" { tier = 0, cost = function() return 1/0 end }
