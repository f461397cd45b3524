-- error for step zero
-- expect: error
-- message: 'for' step is zero
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local zero = 0
    for i = 1, 2, zero do end
    return true
  end,
}
