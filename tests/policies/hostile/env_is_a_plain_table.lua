-- nothing is hidden in _ENV
-- expect: error
-- message: attempt to call a nil value
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local env = _ENV
    return env["set" .. "metatable"]({}, {}) == nil
  end,
}
