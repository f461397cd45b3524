-- url garbage
-- expect: matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return not url.parse("http://[::1").ok
  end,
}
