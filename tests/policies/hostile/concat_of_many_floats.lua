-- concat of many floats
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local x = 1.2345678901234e300
    while true do local _ = x .. x .. x .. x .. x .. x .. x .. x .. x .. x .. x .. x end
  end,
}
