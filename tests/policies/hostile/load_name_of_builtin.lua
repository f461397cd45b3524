-- load name of builtin
-- expect: refused
-- message: rule name
rule "edict.unknown-agent" { tier = 0 }
