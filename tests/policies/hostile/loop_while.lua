-- an endless loop
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    while true do end
  end,
}
