-- reason endless
-- expect: fuel
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    while true do end
  end,
}
