-- load endless
-- expect: refused
-- message: units of work
while true do end
