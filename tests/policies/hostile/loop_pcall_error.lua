-- loop pcall error
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    while true do pcall(error, "x") end
  end,
}
