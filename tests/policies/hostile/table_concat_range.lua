-- table concat range
-- expect: error
-- message: element 2 is a nil
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return table.concat({ "x" }, ",", 1, math.maxinteger) == ""
  end,
}
