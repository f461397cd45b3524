-- pattern back reference
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("a"):rep(4000):find("(.*)%1b") == nil
  end,
}
