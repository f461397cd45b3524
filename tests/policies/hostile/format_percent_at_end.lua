-- format percent at end
-- expect: error
-- message: missing
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return string.format("%") == ""
  end,
}
