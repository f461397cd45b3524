-- rep negative
-- expect: matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("x"):rep(-5) == ""
  end,
}
