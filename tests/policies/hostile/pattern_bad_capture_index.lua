-- pattern bad capture index
-- expect: error
-- message: invalid capture
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("a"):find("%1") == nil
  end,
}
