-- path again and again
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    while true do local _ = path.normalize(("/../x"):rep(500)) end
  end,
}
