-- table unpack many
-- expect: error
-- message: more than 8000 values
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return table.unpack({}, 1, 100000000) == nil
  end,
}
