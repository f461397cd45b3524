-- time garbage
-- expect: error
-- message: no time
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return time.parts("yesterday").year > 0
  end,
}
