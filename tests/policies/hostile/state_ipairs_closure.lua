-- state ipairs closure
-- expect: matched
-- message: got a
local t = { "a" }
local f = ipairs(t)
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    local _, x = f(t, 0)
    t[1] = "changed"
    return "got " .. x
  end,
}
