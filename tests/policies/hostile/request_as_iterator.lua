-- request as iterator
-- expect: error
-- message: attempt to call
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    for _ in request do end
    return true
  end,
}
