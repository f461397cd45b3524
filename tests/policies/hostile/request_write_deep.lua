-- request write deep
-- expect: error
-- message: read-only
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    request.context.namespace = "mine"
    return true
  end,
}
