-- error modulo zero
-- expect: error
-- message: attempt to perform 'n%
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local zero = 0
    return 1 % zero == 1
  end,
}
