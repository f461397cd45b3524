-- select out of range
-- expect: error
-- message: bad argument
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return select(-5, 1) == nil
  end,
}
