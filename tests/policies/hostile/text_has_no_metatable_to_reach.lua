-- text has no metatable to reach
-- expect: error
-- message: attempt to index a nil value
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("x").__index == nil and ("x").__metatable.x == nil
  end,
}
