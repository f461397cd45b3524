-- gsub bad replacement
-- expect: error
-- message: invalid replacement value
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return (("x"):gsub("x", function() return {} end)) == ""
  end,
}
