-- semver bad range
-- expect: error
-- message: no range
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return semver.satisfies("1.2.3", "latest please")
  end,
}
