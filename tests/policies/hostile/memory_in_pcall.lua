-- memory in pcall
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    while true do pcall(function() local t = {} while true do t[#t + 1] = "x" .. #t end end) end
  end,
}
