-- money huge
-- expect: error
-- message: thousand million
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return money.text(math.maxinteger) == ""
  end,
}
