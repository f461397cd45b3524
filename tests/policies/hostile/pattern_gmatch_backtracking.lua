-- pattern gmatch backtracking
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    for _ in ("a"):rep(20000):gmatch("a*a*b") do end
    return true
  end,
}
