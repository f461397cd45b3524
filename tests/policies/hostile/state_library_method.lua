-- methods of texts come from a table of their own
-- expect: matched
-- message: AA
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    local before = ("a"):upper()
    string.upper = function() return "EVIL" end
    return before .. ("a"):upper()
  end,
}
