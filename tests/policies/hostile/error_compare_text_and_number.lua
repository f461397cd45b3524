-- error compare text and number
-- expect: error
-- message: attempt to compare
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return request.command > 3
  end,
}
