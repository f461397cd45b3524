-- memory request texts
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, math.maxinteger do t[i] = request.command .. i .. ("p"):rep(500) end
    return true
  end,
}
