-- money garbage
-- expect: error
-- message: no amount
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return money.micro("lots") > 0
  end,
}
