-- pattern close without open
-- expect: error
-- message: invalid pattern capture
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("a"):match("a)") == nil
  end,
}
