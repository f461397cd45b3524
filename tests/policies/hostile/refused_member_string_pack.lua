-- refused member string pack
-- expect: refused
-- message: there is no string.pack
rule "hostile" { tier = 0, when = function() return string.pack("i", 1) == nil end }
