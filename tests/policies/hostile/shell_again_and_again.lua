-- shell again and again
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    while true do local _ = shell.parse("ls; rm -rf /") end
  end,
}
