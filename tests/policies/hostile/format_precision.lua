-- format precision
-- expect: error
-- message: at most two digits
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return string.format("%.1000f", 1) == ""
  end,
}
