-- state math
-- expect: matched
-- message: max 9223372036854775807
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    local before = math.maxinteger
    math.maxinteger = 1
    return "max " .. before
  end,
}
