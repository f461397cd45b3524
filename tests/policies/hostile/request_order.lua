-- request order
-- expect: error
-- message: attempt to compare
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return request < facts
  end,
}
