-- cost nan
-- expect: result
rule "hostile" { tier = 0, cost = function() return 0/0 end }
