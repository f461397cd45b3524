-- request add
-- expect: error
-- message: arithmetic
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return request + 1 == 1
  end,
}
