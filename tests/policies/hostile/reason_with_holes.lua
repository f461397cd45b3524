-- reason with holes
-- expect: result
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    return { "x", nil, "y" }
  end,
}
