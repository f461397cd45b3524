-- the stack is memory, too
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local function f() return 1 + f() end
    return f() > 0
  end,
}
