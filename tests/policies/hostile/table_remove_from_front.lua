-- table remove from front
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 4000 do t[i] = i end
    for i = 1, 4000 do table.remove(t, 1) end
    return true
  end,
}
