-- pattern many items
-- expect: error
-- message: pattern too complex
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("a"):rep(1000):find(("a?"):rep(1000) .. "b") == nil
  end,
}
