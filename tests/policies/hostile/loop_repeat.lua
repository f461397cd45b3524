-- loop repeat
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    repeat until false
  end,
}
