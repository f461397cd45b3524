-- reason too many
-- expect: result
-- message: at most 64
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    local t = {}
    for i = 1, 65 do t[i] = "x" end
    return t
  end,
}
