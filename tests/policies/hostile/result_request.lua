-- result request
-- expect: result
-- message: true, false or nil
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return request
  end,
}
