-- gsub growing
-- expect: error
-- message: longer than 65536 bytes
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = ("x"):rep(1000)
    return (s:gsub("x", s)) == ""
  end,
}
