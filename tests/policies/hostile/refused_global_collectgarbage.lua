-- the host function collectgarbage is out of reach
-- expect: refused
-- message: unknown global "collectgarbage"
rule "hostile" { tier = 0, when = function() return collectgarbage ~= nil end }
