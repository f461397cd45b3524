-- glob large product
-- expect: error
-- message: too long
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return glob(("*a"):rep(200), ("a"):rep(8000))
  end,
}
