-- find from beyond
-- expect: matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("abc"):find("a", 100) == nil and ("abc"):find("", math.maxinteger) == nil and ("abc"):find("a", math.mininteger) == 1
  end,
}
