-- arguments to closures
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 3000 do t[i] = i end
    local function f(n, ...)
      if n == 0 then return 0 end
      return 1 + f(n - 1, ...)
    end
    while true do f(2, table.unpack(t)) end
  end,
}
