-- error index nil
-- expect: error
-- message: attempt to index a nil value
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return request.context.a.b
  end,
}
