-- a message is cut
-- expect: error
-- message: test.lua
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    error(("x"):rep(60000))
  end,
}
