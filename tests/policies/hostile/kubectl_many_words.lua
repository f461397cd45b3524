-- kubectl many words
-- expect: limit_or_matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 2000 do t[i] = "x" end
    return not kubectl.parse(t).ok
  end,
}
