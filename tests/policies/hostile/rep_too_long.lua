-- rep too long
-- expect: error
-- message: longer than 65536 bytes
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return #string.rep("abcdefgh", 65536) > 0
  end,
}
