-- refused member table create
-- expect: refused
-- message: there is no table.create
rule "hostile" { tier = 0, when = function() return table.create(1) == nil end }
