-- shell many different
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    for i = 1, 100000 do local _ = shell.parse("ls " .. i .. (" x"):rep(400)) end
    return true
  end,
}
