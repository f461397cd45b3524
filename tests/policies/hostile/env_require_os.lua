-- env require os
-- expect: error
-- message: libraries are loaded
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return require("os") == nil
  end,
}
