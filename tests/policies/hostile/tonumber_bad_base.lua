-- tonumber bad base
-- expect: error
-- message: base from 2 to 36
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return tonumber("1", 99) == nil
  end,
}
