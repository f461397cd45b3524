-- state checked after memory
-- expect: memory
local shared = {}
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    if #shared ~= 0 then return true end
    shared[1] = 1
    local t = {}
    while true do t[#t + 1] = {} end
  end,
}
