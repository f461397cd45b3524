-- a mistake in a rule cannot be swallowed
-- expect: refused
-- message: unknown field "tear"
pcall(function() rule "hostile" { tier = 0, tear = 0 } end)
