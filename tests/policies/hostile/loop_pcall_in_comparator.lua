-- loop pcall in comparator
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 100 do t[i] = i end
    while true do pcall(table.sort, t, function(a, b) while true do end end) end
  end,
}
