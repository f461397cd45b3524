-- a group that begins itself without end
-- expect: refused
local function again()
  group "a" { rules = again }
end
again()
