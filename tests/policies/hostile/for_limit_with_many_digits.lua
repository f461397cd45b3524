-- for limit with many digits
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local limit = "1" .. ("0"):rep(60000)
    while true do pcall(function() for _ = 1, limit do break end end) end
  end,
}
