-- compare order of long texts
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local a = ("x"):rep(60000)
    while true do local _ = a < a end
  end,
}
