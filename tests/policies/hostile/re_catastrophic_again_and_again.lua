-- re catastrophic again and again
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    while true do pcall(re.match, "(x+x+)+y", ("x"):rep(2000)) end
  end,
}
