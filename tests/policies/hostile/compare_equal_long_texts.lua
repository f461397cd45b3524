-- one instruction that compares 60,000 bytes
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local a, b = ("x"):rep(60000), ("x"):rep(59999) .. "x"
    while true do local _ = a == b end
  end,
}
