-- a request cannot widen a privilege with a pattern of its own
-- expect: nomatch
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return has_privilege(facts.agent, "*")
  end,
}
