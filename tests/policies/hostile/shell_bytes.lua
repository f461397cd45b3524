-- shell bytes
-- expect: matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = shell.parse("\0\255\1")
    return not s.ok
  end,
}
