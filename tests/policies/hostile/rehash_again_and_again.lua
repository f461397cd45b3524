-- deleting and inserting so that a large table is rebuilt each time
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 4096 do t["k" .. i] = i end
    local i = 0
    while true do i = i + 1 t["k" .. i] = nil t["n" .. i % 100] = i t["n" .. (i + 50) % 100] = nil end
  end,
}
