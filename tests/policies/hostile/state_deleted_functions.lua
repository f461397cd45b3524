-- state deleted functions
-- expect: matched
-- message: names 31
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    local n = 0
    for name in pairs(_ENV) do n = n + 1 end
    for name in pairs(_ENV) do if name ~= "pairs" then _ENV[name] = nil end end
    return "names " .. n
  end,
}
