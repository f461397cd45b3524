-- loop string methods
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = "x"
    while true do local _ = s:len() end
  end,
}
