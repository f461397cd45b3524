-- compare numbers as texts
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local x = 1.2345678901234e300
    while true do local _ = tostring(x) end
  end,
}
