-- pattern gsub greedy
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("a"):rep(60000):gsub("a*b", "") == ""
  end,
}
