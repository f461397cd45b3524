-- char out of range
-- expect: error
-- message: value from 0 to 255
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    return string.char(256) == ""
  end,
}
