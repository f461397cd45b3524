-- table concat backwards range
-- expect: matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return table.concat({ "x" }, ",", math.maxinteger, math.mininteger) == ""
  end,
}
