-- work without memory: repeating an empty text
-- expect: error
-- message: more than 65536 repetitions
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("").rep("", math.maxinteger) == ""
  end,
}
