-- reasons too long together
-- expect: result
-- message: over 16384 bytes
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    local t = {}
    for i = 1, 60 do t[i] = ("x"):rep(1000) .. i end
    return t
  end,
}
