-- lower again and again
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = ("A"):rep(60000)
    while true do local _ = s:lower() end
  end,
}
