-- memory doubling text
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = "x"
    while true do s = s .. s end
  end,
}
