-- concat of integers
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local x = math.mininteger
    while true do local _ = x .. "" end
  end,
}
