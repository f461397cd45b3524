-- pattern greedy backtracking
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("a"):rep(30000):find(("a*"):rep(5) .. "b") == nil
  end,
}
