-- request write
-- expect: error
-- message: read-only
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    request.operation = "read"
    return true
  end,
}
