-- table insert bad position
-- expect: error
-- message: bad argument
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    table.insert({}, math.maxinteger, 1)
    return true
  end,
}
