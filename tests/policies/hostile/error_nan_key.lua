-- error nan key
-- expect: error
-- message: NaN
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    t[0 / 0] = 1
    return true
  end,
}
