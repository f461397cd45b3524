-- sql again and again
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    while true do local _ = sql.parse("select 1") end
  end,
}
