-- concat between cheap lines
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local x, n = 1.2345678901234e300, 0
    while true do
      n = n + 1 n = n + 1 n = n + 1 n = n + 1
      n = n + 1 n = n + 1 n = n + 1 n = n + 1
      local _ = x .. x
    end
  end,
}
