-- kubectl words of numbers
-- expect: error
-- message: not a text
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return kubectl.parse({ 1, 2 }).ok
  end,
}
