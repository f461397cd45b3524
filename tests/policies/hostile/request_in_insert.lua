-- request in insert
-- expect: error
-- message: bad argument
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    table.insert(request, 1)
    return true
  end,
}
