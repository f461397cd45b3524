-- cost too precise
-- expect: result
rule "hostile" { tier = 0, cost = function() return "0.0000001" end }
