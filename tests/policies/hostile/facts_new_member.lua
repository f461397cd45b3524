-- facts new member
-- expect: error
-- message: read-only
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    facts.agent.admin = true
    return true
  end,
}
