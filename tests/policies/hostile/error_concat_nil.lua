-- error concat nil
-- expect: error
-- message: attempt to concatenate
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return "x" .. nil == ""
  end,
}
