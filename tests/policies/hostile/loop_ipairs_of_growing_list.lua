-- loop ipairs of growing list
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = { 1 }
    for i in ipairs(t) do t[i + 1] = i end
    return true
  end,
}
