-- memory parse results
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    for i = 1, 100000 do t[i] = shell.parse("ls a b c d e f | grep x > /tmp/y") end
    return true
  end,
}
