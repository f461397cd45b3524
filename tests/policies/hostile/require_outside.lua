-- require outside
-- expect: refused
-- message: no such library
require "../secrets"
rule "hostile" { tier = 0 }
