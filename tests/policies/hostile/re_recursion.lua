-- re recursion
-- expect: limit_or_error
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return re.match("((?R))", ("x"):rep(100)) == nil
  end,
}
