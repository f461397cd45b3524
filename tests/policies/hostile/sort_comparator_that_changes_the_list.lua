-- sort comparator that changes the list
-- expect: matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 100 do t[i] = i end
    table.sort(t, function(a, b) t[1] = nil t[#t + 1] = 7 return a > b end)
    return true
  end,
}
