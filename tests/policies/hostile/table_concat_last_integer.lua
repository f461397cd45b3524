-- table concat last integer
-- expect: error
-- message: is a nil
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return table.concat({}, "", math.maxinteger - 1, math.maxinteger) == ""
  end,
}
