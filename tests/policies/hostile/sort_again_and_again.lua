-- sort again and again
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 2000 do t[i] = (i * 7919) % 2003 end
    while true do table.sort(t, function(a, b) return a > b end) end
  end,
}
