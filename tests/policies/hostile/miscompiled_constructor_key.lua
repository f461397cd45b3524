-- miscompiled constructor key
-- expect: refused
-- message: comparison inside [ ]
local t = { [1 < 2] = 1 }
rule "hostile" { tier = 0 }
