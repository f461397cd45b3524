-- env replaced
-- expect: matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local _ENV = { x = 1 }
    return x == 1
  end,
}
