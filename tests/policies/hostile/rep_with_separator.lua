-- rep with separator
-- expect: error
-- message: longer than 65536 bytes
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return #string.rep("", 60000, "separator") > 0
  end,
}
