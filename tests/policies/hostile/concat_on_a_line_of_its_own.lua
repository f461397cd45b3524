-- concat on a line of its own
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local x = 1.2345678901234e300
    while true do
      local _ = x
        .. x
    end
  end,
}
