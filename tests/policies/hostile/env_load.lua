-- env load
-- expect: error
-- message: attempt to call a nil value
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local name = "load"
    return _ENV[name]("return 1")() == 1
  end,
}
