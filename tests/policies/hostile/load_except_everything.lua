-- load except everything
-- expect: refused
-- message: except everything
rule "hostile" { tier = 2, except = {} }
