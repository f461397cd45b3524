-- memory gsub
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, math.maxinteger do t[i] = ("x"):rep(50000):gsub("y", "") end
    return true
  end,
}
