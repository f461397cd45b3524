-- sort mixed types
-- expect: error
-- message: attempt to compare
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    table.sort({ 1, "x" })
    return true
  end,
}
