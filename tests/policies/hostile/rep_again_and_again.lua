-- rep again and again
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    while true do local _ = ("abc"):rep(1000) end
  end,
}
