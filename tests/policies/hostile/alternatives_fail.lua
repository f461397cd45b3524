-- alternatives fail
-- expect: error
-- message: none
rule "hostile" { tier = 0, alternatives = function() error("none") end }
