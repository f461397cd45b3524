-- cost junk
-- expect: result
rule "hostile" { tier = 0, cost = function() return "lots" end }
