-- error nil
-- expect: error
-- message: not a text
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    error(nil)
  end,
}
