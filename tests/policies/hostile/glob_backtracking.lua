-- glob backtracking
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = ("a"):rep(8000)
    while true do local _ = glob("*a*a*a*a*a*b", s) end
  end,
}
