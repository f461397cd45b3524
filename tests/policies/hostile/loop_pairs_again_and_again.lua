-- loop pairs again and again
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 2000 do t["k" .. i] = i end
    while true do for _ in pairs(t) do break end end
  end,
}
