-- find plain again and again
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = ("a"):rep(60000)
    while true do local _ = s:find("b", 1, true) end
  end,
}
