-- load match function
-- expect: refused
-- message: belong in `when`
rule "hostile" { tier = 0, match = { operation = function() return true end } }
