-- error bad bytes
-- expect: error
-- message: a�
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    error("a\255\0b", 0)
  end,
}
