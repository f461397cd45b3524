-- state nested closure
-- expect: matched
-- message: count 1
local function make() local n = 0 return function() n = n + 1 return n end end
local count = make()
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    return "count " .. count()
  end,
}
