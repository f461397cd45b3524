-- format missing value
-- expect: error
-- message: value #2 is missing
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return string.format("%d %d", 1) == ""
  end,
}
