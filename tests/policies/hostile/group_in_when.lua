-- a group from inside of an evaluation
-- expect: error
-- message: only for the file's own level
rule "hostile" {
  tier = 0,
  when = function()
    group "late" { rules = function() end }
    return true
  end,
}
