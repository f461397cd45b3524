-- select zero
-- expect: error
-- message: bad argument
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return select(0, 1) == nil
  end,
}
