-- garbage counts: nothing is collected during a call
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local i = 0
    while true do i = i + 1 local _ = "text number " .. i end
  end,
}
