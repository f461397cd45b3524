-- long text as key
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t, s = {}, ("x"):rep(60000)
    t[s] = 1
    local other = ("x"):rep(59999) .. "x"
    while true do local _ = t[other] end
  end,
}
