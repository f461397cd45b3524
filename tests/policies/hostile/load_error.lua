-- load error
-- expect: refused
-- message: no
error("no")
