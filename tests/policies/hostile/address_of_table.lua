-- no address is visible
-- expect: matched
-- message: tabletablefunction
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    return tostring({}) .. tostring(request) .. tostring(type)
  end,
}
