-- time float
-- expect: error
-- message: integer expected
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return time.parts(1.5).year > 0
  end,
}
