-- addresses have no order
-- expect: error
-- message: only texts, numbers and booleans
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = { [request] = 1 }
    for _ in pairs(t) do end
    return true
  end,
}
