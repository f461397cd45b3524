-- reason list of tables
-- expect: result
-- message: a text or a list
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    return { {} }
  end,
}
