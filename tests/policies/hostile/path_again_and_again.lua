-- path again and again
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    while true do local _ = path.normalize(("/../x"):rep(500)) end
  end,
}
