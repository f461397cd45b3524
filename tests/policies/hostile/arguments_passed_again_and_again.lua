-- passing on 3,000 arguments is one instruction
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 3000 do t[i] = i end
    local function f(...)
      while true do local _ = select("#", ...) end
    end
    f(table.unpack(t))
  end,
}
