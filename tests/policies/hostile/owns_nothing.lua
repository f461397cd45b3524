-- owns nothing
-- expect: nomatch
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return owns(facts.agent, nil) or owns(facts.agent, "") or owns({}, "x")
  end,
}
