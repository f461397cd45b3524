-- the grammar takes quadratic time for pipelines
-- expect: matched
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    local s = shell.parse(("a|"):rep(8000) .. "b")
    return not s.ok and s.problem ~= nil
  end,
}
