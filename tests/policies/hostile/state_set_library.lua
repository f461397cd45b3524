-- state set library
-- expect: matched
-- message: true
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    local before = set.has(set{ "a" }, "a")
    set.has = function() return false end
    return tostring(before)
  end,
}
