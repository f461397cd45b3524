-- state table growth
-- expect: matched
-- message: count 1
local t = {}
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    t[#t + 1] = "more"
    return "count " .. #t
  end,
}
