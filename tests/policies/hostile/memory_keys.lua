-- memory keys
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, math.maxinteger do t["key" .. i] = true end
    return true
  end,
}
