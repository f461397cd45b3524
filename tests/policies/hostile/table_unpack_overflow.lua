-- the count of values does not fit an integer
-- expect: error
-- message: more than 8000 values
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return table.unpack({}, math.mininteger, math.maxinteger) == nil
  end,
}
