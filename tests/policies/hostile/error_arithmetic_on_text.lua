-- texts are never numbers: converting would be work that is not counted
-- expect: error
-- message: attempt to perform arithmetic
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return request.command + 1 > 3
  end,
}
