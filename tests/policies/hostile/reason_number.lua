-- reason number
-- expect: result
-- message: a text or a list
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    return 42
  end,
}
