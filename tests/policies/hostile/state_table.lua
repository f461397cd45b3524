-- state table
-- expect: matched
-- message: count 1
local t = { a = { b = { n = 0 } } }
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    t.a.b.n = t.a.b.n + 1
    return "count " .. t.a.b.n
  end,
}
