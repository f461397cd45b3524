-- error nil key
-- expect: error
-- message: index is nil
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local t = {}
    t[nil] = 1
    return true
  end,
}
