-- text write
-- expect: error
-- message: attempt to index a string value
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = "x"
    s.rep = 1
    return true
  end,
}
