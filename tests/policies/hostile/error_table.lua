-- error table
-- expect: error
-- message: not a text
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    error({ code = 1 })
  end,
}
