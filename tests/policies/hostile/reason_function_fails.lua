-- reason function fails
-- expect: error
-- message: attempt to index
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    return request.context.a.b.c
  end,
}
