-- error request
-- expect: error
-- message: not a text
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    error(request)
  end,
}
