-- url again and again
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    while true do local _ = url.parse("http://example.com/a/../b") end
  end,
}
