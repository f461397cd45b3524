-- re catastrophic
-- expect: error
-- message: re:
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return re.match("(a+)+$", ("a"):rep(5000) .. "b") == nil
  end,
}
