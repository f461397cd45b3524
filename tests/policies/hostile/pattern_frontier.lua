-- pattern frontier
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    for i = 1, 100 do local _ = ("a "):rep(20000):find("%f[b]x") end
    return true
  end,
}
