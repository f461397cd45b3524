-- pattern balance without arguments
-- expect: error
-- message: malformed pattern
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("a"):find("%b") == nil
  end,
}
