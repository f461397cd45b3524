-- a second evaluation would match if the first left anything
-- expect: fuel
local shared = {}
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    if #shared ~= 0 then return true end
    shared[1] = 1
    while true do end
  end,
}
