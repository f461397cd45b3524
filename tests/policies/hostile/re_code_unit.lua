-- re code unit
-- expect: error
-- message: re:
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return re.match("\\C", "x") == nil
  end,
}
