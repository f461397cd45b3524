-- sort endless comparator
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    table.sort({ 3, 2, 1 }, function() while true do end end)
    return true
  end,
}
