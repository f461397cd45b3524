-- loop in nested pcall
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local function f() pcall(f) while true do end end
    while true do pcall(f) end
  end,
}
