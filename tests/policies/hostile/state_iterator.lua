-- state iterator
-- expect: matched
-- message: next 1
local it = ("1,2,3"):gmatch("%d")
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    return "next " .. it()
  end,
}
