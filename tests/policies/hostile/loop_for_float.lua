-- loop for float
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    for i = 0.0, 1e300, 1e-300 do end
    return true
  end,
}
