-- state checked after error
-- expect: error
-- message: stop
local shared = {}
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    if #shared ~= 0 then return true end
    shared[1] = 1
    error("stop", 0)
  end,
}
