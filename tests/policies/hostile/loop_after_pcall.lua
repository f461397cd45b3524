-- after a limit nothing runs on
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    pcall(function() while true do end end)
    return true
  end,
}
