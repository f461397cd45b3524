-- shell nested
-- expect: limit_or_matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = shell.parse(("$("):rep(2000) .. "x" .. (")"):rep(2000))
    return not s.ok
  end,
}
