-- pcall cannot swallow a limit
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    while true do pcall(function() while true do end end) end
  end,
}
