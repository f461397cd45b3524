-- pattern open set percent
-- expect: error
-- message: malformed pattern
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("a"):find("[%") == nil
  end,
}
