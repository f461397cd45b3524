-- shell many words
-- expect: limit_or_matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = shell.parse(("a b "):rep(4000))
    return #s.commands == 1
  end,
}
