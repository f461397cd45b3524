-- load match endless table
-- expect: refused
-- message: 8 deep
local t = {}
t.is_not = t
rule "hostile" { tier = 0, match = { operation = t } }
