-- gsub bad percent
-- expect: error
-- message: invalid capture index
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return (("x"):gsub("x", "%9")) == ""
  end,
}
