-- format wide floats
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    while true do local _ = string.format("%99.99f", 1e308) end
  end,
}
