-- tonumber long text
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = ("1"):rep(60000)
    while true do local _ = tonumber(s) end
  end,
}
