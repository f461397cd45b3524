-- glob long text
-- expect: error
-- message: too long
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return glob("*a*", ("a"):rep(20000))
  end,
}
