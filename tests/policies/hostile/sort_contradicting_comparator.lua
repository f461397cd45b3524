-- a comparator without sense gives an order without sense, nothing worse
-- expect: matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 200 do t[i] = i end
    table.sort(t, function() return true end)
    return #t == 200
  end,
}
