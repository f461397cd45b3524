-- memory swallowed by pcall
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    pcall(function() local t = {} while true do t[#t + 1] = "x" .. #t end end)
    return true
  end,
}
