-- memory format
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, math.maxinteger do t[i] = string.format("%099d", i) end
    return true
  end,
}
