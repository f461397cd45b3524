-- recursion through gsub
-- expect: error
-- message: C stack overflow
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local function f() return (("x"):gsub("x", f)) end
    return f() == "x"
  end,
}
