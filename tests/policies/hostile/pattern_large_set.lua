-- pattern large set
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return ("a"):rep(60000):find("[" .. ("b-c"):rep(1000) .. "]") == nil
  end,
}
