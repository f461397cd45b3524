-- facts write
-- expect: error
-- message: read-only
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    facts.agent.known = true
    return true
  end,
}
