-- stack of deep recursion caught
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local function f(n) return 1 + f(n + 1) end
    while true do pcall(f, 1) end
  end,
}
