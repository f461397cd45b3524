-- error in pcall is caught
-- expect: matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local ok, message = pcall(error, "x", 0)
    return not ok and message == "x"
  end,
}
