-- changing a library table lasts no longer than the call
-- expect: matched
-- message: A
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    local before = string.upper("a")
    string.upper = function() return "EVIL" end
    return before
  end,
}
