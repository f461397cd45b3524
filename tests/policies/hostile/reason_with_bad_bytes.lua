-- texts that JSON cannot carry are repaired
-- expect: matched
-- message: a�b�c
rule "hostile" {
  tier = 0,
  because = function(request, facts)
    return "a\255b\0c"
  end,
}
