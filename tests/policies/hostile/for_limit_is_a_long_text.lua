-- for limit is a long text
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local limit = (" "):rep(60000) .. "1"
    while true do for _ = 1, limit do break end end
  end,
}
