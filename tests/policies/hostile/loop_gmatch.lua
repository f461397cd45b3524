-- loop gmatch
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    while true do for _ in ("a b c"):gmatch("%a") do end end
  end,
}
