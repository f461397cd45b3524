-- reason too long
-- expect: result
-- message: all texts of a decision
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    return ("x"):rep(20000)
  end,
}
