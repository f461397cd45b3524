-- format count
-- expect: error
-- message: not supported
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return string.format("%n", 1) == ""
  end,
}
