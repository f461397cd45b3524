-- path too long
-- expect: matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return path.normalize(("/x"):rep(5000)) == nil
  end,
}
