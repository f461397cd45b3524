-- the host function unpack is out of reach
-- expect: refused
-- message: unknown global "unpack"
rule "hostile" { tier = 0, when = function() return unpack ~= nil end }
