-- operators in texts are fine
-- expect: matched
-- a & b, c | d
rule "hostile" { tier = 0, description = "a & b ~ c ^ d [1<2]", when = function() return [[x|y]] == "x|y" --[==[ 1 ^ 2 ]==] end }
