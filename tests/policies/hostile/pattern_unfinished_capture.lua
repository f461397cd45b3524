-- pattern unfinished capture
-- expect: error
-- message: unfinished capture
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("a"):match("(a") == nil
  end,
}
