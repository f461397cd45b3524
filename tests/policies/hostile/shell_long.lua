-- shell long
-- expect: limit_or_matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = shell.parse(("a;"):rep(8000))
    return not s.ok or #s.commands > 0
  end,
}
