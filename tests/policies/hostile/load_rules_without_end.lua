-- load rules without end
-- expect: refused
local i = 0
while true do i = i + 1 rule("r" .. i) { tier = 0 } end
