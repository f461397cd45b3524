-- set of tables
-- expect: error
-- message: can be members
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return set{ {} } ~= nil
  end,
}
