-- loop goto
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    ::again:: goto again
  end,
}
