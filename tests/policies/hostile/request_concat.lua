-- request concat
-- expect: error
-- message: concatenate
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return request .. "" == ""
  end,
}
