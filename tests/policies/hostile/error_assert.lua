-- error assert
-- expect: error
-- message: said no
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    assert(false, "said no")
  end,
}
