-- memory varargs
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local function f(...) return f(1, 2, 3, 4, 5, 6, 7, 8, ...) end
    return f()
  end,
}
