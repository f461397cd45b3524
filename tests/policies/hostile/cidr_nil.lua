-- cidr nil
-- expect: error
-- message: bad argument
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return cidr.contains("10.0.0.0/8", request.context.ip)
  end,
}
