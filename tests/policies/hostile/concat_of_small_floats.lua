-- concat of small floats
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local x = 1.2345678901234e-300
    while true do local _ = x .. "" end
  end,
}
