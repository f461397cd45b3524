-- error level
-- expect: error
-- message: deep
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    error("deep", 99)
  end,
}
