-- an upvalue counts
-- expect: matched
-- message: count 1
local n = 0
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    n = n + 1
    return "count " .. n
  end,
}
