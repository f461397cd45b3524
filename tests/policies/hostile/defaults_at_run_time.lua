-- defaults at run time
-- expect: error
-- message: file's own level
rule "hostile" {
  tier = 0,
  when = function(request, facts)
    defaults { tier = 0 }
    return true
  end,
}
