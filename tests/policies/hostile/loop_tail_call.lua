-- loop tail call
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local function f() return f() end
    return f()
  end,
}
