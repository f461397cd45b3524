-- load match nan
-- expect: refused
-- message: NaN
rule "hostile" { tier = 0, match = { ["context.x"] = 0 / 0 } }
