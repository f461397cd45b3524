-- re bad pattern
-- expect: error
-- message: re:
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return re.match("(", "x") == nil
  end,
}
