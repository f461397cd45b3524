-- state env
-- expect: matched
-- message: functiontrue
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    local before = type(owns)
    _ENV.owns = function() return true end
    return before .. tostring(owns(facts.agent, "not mine"))
  end,
}
