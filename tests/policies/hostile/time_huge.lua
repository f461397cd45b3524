-- time huge
-- expect: error
-- message: year from 1 to 9999
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return time.parts(math.maxinteger).year > 0
  end,
}
