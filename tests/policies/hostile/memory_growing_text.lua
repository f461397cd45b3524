-- memory growing text
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = ""
    while true do s = s .. "xxxxxxxxxxxxxxxx" end
  end,
}
