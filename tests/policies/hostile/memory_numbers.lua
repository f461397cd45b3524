-- memory numbers
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, math.maxinteger do t[i] = i end
    return true
  end,
}
