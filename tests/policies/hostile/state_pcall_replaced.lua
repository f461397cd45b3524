-- state pcall replaced
-- expect: matched
-- message: false
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    local before = tostring(pcall(error))
    _ENV.pcall = nil
    return before
  end,
}
