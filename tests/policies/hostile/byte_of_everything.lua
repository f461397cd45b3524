-- byte of everything
-- expect: limit
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return select("#", ("x"):rep(60000):byte(1, -1)) > 0 and select("#", (("x"):rep(60000) .. "yyyyyy"):byte(1, -1), ("x"):rep(60000):byte(1, -1), ("x"):rep(60000):byte(1, -1)) < 0
  end,
}
