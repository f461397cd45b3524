-- memory concat many
-- expect: memory
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = ("x"):rep(30000)
    return #(s .. s .. s .. s) > 0
  end,
}
