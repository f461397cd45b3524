-- gsub callback endless
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("x"):gsub("x", function() while true do end end) == ""
  end,
}
