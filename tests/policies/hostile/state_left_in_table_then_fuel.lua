-- state changed before a limit is hit is undone, too
-- expect: fuel
local shared = {}
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    for i = 1, 1000 do shared[i] = i end
    while true do end
  end,
}
