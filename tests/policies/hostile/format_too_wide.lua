-- format too wide
-- expect: error
-- message: at most two digits
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return string.format("%1000d", 1) == ""
  end,
}
