-- close variable
-- expect: refused
-- message: <close> variables
rule "hostile" { tier = 0, when = function() local x <close> = nil return true end }
