-- request in sort
-- expect: error
-- message: bad argument
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    table.sort(request.context)
    return true
  end,
}
