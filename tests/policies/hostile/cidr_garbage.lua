-- cidr garbage
-- expect: error
-- message: no address or network
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return cidr.contains("10.0.0.0/8", "10.0.0.999")
  end,
}
