-- error call nil
-- expect: error
-- message: attempt to call
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return request.context.nothing()
  end,
}
