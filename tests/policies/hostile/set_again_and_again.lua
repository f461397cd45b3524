-- set again and again
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = set{}
    for i = 1, math.maxinteger do s = set.union(s, set{ i }) end
    return true
  end,
}
