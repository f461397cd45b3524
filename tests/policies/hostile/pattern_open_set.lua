-- pattern open set
-- expect: error
-- message: malformed pattern
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("a"):find("[a") == nil
  end,
}
