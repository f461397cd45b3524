-- table move endless
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    table.move({}, 1, math.maxinteger - 1, 2)
    return true
  end,
}
