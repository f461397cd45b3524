-- error divide by zero
-- expect: error
-- message: divide by zero
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local zero = 0
    return 1 // zero == 1
  end,
}
