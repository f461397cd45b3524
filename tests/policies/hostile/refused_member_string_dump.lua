-- refused member string dump
-- expect: refused
-- message: there is no string.dump
rule "hostile" { tier = 0, when = function() return string.dump(function() end) == nil end }
