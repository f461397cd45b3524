-- pattern deep captures
-- expect: error
-- message: too many captures
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("a"):find(("("):rep(40) .. "a" .. (")"):rep(40)) == nil
  end,
}
