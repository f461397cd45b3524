-- sort comparator that fails
-- expect: error
-- message: no order
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    table.sort({ 2, 1 }, function() error("no order") end)
    return true
  end,
}
