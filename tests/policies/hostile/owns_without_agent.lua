-- owns without agent
-- expect: error
-- message: facts.agent
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return owns(nil, "x")
  end,
}
