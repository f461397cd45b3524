-- miscompiled bitwise left
-- expect: refused
-- message: bitwise operators wrongly
rule "hostile" { tier = 0, when = function() local x = 3 return (x << 2) == 3 end }
