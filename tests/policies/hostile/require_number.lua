-- require number
-- expect: refused
-- message: bad argument
require(42)
rule "hostile" { tier = 0 }
