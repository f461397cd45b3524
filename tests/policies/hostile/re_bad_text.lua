-- re bad text
-- expect: error
-- message: re:
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return re.match("a", "\255") == nil
  end,
}
