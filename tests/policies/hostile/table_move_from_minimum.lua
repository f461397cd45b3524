-- table move from minimum
-- expect: error
-- message: bad argument
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    table.move({}, math.mininteger, math.maxinteger, 1)
    return true
  end,
}
