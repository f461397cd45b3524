-- recursion with many locals
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local function f(a, b, c, d, e) local x, y, z = a, b, c return f(x, y, z, d, e) + 1 end
    return f(1, 2, 3, 4, 5) > 0
  end,
}
