-- pattern balance
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("("):rep(60000):find("%b()") == nil
  end,
}
