-- state global
-- expect: matched
-- message: count 1
counter = nil
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    counter = (counter or 0) + 1
    return "count " .. counter
  end,
}
