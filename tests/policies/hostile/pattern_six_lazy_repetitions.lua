-- a matcher that backtracks
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("a"):rep(3000):find((".-"):rep(6) .. "b") == nil
  end,
}
