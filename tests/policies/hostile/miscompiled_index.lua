-- miscompiled index
-- expect: refused
-- message: comparison inside [ ]
rule "hostile" { tier = 0, when = function() return _ENV[1<2] == nil end }
