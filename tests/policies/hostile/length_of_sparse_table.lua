-- length of sparse table
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 5000 do t[i] = i end
    while true do local _ = #t end
  end,
}
