-- load wide goto
-- expect: refused
-- message: no visible label
goto nowhere
