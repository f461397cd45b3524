-- recursion through pcall
-- expect: error
-- message: C stack overflow
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local function f() local ok, message = pcall(f) if not ok then error(message, 0) end end
    f()
    return true
  end,
}
