-- table insert at front
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 100000 do table.insert(t, 1, i) end
    return true
  end,
}
