-- stack of deep recursion
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end
    return f(100000) > 0
  end,
}
