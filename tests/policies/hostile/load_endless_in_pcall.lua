-- load endless in pcall
-- expect: refused
-- message: units of work
pcall(function() while true do end end)
rule "hostile" { tier = 0 }
