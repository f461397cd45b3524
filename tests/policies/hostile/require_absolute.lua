-- require absolute
-- expect: refused
-- message: no such library
require "lib./etc/passwd"
rule "hostile" { tier = 0 }
