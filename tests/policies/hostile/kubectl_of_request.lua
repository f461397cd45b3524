-- kubectl of request
-- expect: nomatch
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return kubectl.parse(facts).ok and kubectl.parse(42).ok
  end,
}
