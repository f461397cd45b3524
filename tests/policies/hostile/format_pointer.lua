-- addresses differ from run to run
-- expect: error
-- message: not supported
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return string.format("%p", request) == ""
  end,
}
