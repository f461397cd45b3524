-- a file can break only itself, and not its texts
-- expect: matched
string.find = nil
rule "hostile" { tier = 0, when = function() return ("abc"):find("b") == 2 end }
