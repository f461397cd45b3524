-- function as key
-- expect: error
-- message: only texts, numbers and booleans
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = { [type] = 1 }
    for _ in pairs(t) do end
    return true
  end,
}
