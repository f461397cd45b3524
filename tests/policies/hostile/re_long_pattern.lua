-- re long pattern
-- expect: error
-- message: re:
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return re.match(("a?"):rep(5000), "x") == nil
  end,
}
