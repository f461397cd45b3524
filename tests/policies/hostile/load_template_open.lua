-- load template open
-- expect: refused
-- message: without its '}'
rule "hostile" { tier = 0, because = "{context.x" }
