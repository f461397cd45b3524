-- state long text cache
-- expect: matched
-- message: same yes
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    local a = request.context.long
    local b = request.context.long
    return "same " .. (a == b and "yes" or "no")
  end,
}
