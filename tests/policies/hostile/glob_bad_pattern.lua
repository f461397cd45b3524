-- glob bad pattern
-- expect: error
-- message: no pattern
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return glob("[a", "a")
  end,
}
