-- the host function ffi is out of reach
-- expect: refused
-- message: unknown global "ffi"
rule "hostile" { tier = 0, when = function() return ffi ~= nil end }
