-- rules cannot be added while deciding
-- expect: error
-- message: file's own level
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    rule "late" { tier = 0 }
    return true
  end,
}
