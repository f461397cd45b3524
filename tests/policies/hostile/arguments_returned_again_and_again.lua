-- arguments returned again and again
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 3000 do t[i] = i end
    local function g(...) return ... end
    local function f(...)
      while true do g(...) end
    end
    f(table.unpack(t))
  end,
}
