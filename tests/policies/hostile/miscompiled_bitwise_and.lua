-- miscompiled bitwise and
-- expect: refused
-- message: bitwise operators wrongly
rule "hostile" { tier = 0, when = function() local x = 3 return (1 & x) == 3 end }
