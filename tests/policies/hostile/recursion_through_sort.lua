-- recursion through sort
-- expect: error
-- message: C stack overflow
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local function f() local t = { 2, 1 } table.sort(t, f) return true end
    return f()
  end,
}
