-- table move overflow
-- expect: error
-- message: bad argument
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    table.move({}, 1, math.maxinteger, 2)
    return true
  end,
}
