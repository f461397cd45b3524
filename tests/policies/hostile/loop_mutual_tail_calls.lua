-- loop mutual tail calls
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local f, g
    f = function() return g() end
    g = function() return f() end
    return f()
  end,
}
