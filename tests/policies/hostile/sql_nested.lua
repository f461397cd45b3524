-- sql nested
-- expect: limit_or_matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = sql.parse(("("):rep(5000))
    return not s.ok
  end,
}
