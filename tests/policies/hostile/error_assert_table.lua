-- error assert table
-- expect: error
-- message: not a text
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    assert(nil, {})
  end,
}
