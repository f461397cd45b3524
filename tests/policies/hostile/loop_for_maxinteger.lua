-- loop for maxinteger
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    for i = 1, math.maxinteger do end
    return true
  end,
}
