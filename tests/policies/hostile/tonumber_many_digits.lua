-- tonumber many digits
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = ("9"):rep(199)
    while true do local _ = tonumber(s) end
  end,
}
