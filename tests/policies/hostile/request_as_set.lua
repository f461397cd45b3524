-- request as set
-- expect: error
-- message: bad argument
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return set.has(request, "x")
  end,
}
