-- miscompiled index equal
-- expect: refused
-- message: comparison inside [ ]
local t = {}
rule "hostile" { tier = 0, when = function(r) return t[r.operation == "x"] end }
