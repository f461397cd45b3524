-- format long text
-- expect: error
-- message: longer than 65536 bytes
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = ("x"):rep(60000)
    return string.format("%s%s", s, s) == ""
  end,
}
