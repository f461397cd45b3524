-- nan has no sign
-- expect: matched
-- message: nannannan
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    return tostring(0 / 0) .. tostring(-(0 / 0)) .. string.format("%f", 0 / 0)
  end,
}
