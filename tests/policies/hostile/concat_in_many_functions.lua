-- concat in many functions
-- expect: fuel
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local x = 1.2345678901234e300
    local function f() return x .. x end
    local function g() f() f() f() return f() end
    while true do g() end
  end,
}
