-- memory sparse keys
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 40 do t[i * 1000000] = i end
    local u = {}
    for i = 1, math.maxinteger do u[i * 7] = {} end
    return true
  end,
}
