-- set of nothing
-- expect: error
-- message: list expected
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return set(nil) ~= nil
  end,
}
