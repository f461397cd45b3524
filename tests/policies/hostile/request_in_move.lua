-- request in move
-- expect: error
-- message: bad argument
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    table.move({ 1 }, 1, 1, 1, request)
    return true
  end,
}
