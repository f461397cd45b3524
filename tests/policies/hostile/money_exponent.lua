-- money exponent
-- expect: error
-- message: no amount
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return money.micro("1e999") > 0
  end,
}
