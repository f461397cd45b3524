-- semver garbage
-- expect: error
-- message: no version
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return semver.satisfies("1.2", "^1")
  end,
}
