-- shell many heredocs
-- expect: matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = shell.parse(("<<a "):rep(4000))
    return not s.ok
  end,
}
