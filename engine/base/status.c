#include "base/status.h"

#include <stdio.h>

enum status error_set_v(struct error *error, enum status status, const char *where, const char *format, va_list arguments)
{
    if (error == NULL)
        return status;
    error->status = status;
    (void)snprintf(error->where, sizeof error->where, "%s", where ? where : "");
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    return status;
}

enum status error_set(struct error *error, enum status status, const char *where, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)error_set_v(error, status, where, format, arguments);
    va_end(arguments);
    return status;
}

const char *status_name(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_INVALID:
        return "invalid";
    case STATUS_NOT_FOUND:
        return "not found";
    case STATUS_GONE:
        return "gone";
    case STATUS_CONFLICT:
        return "conflict";
    case STATUS_DENIED:
        return "denied";
    case STATUS_TOO_LARGE:
        return "too large";
    case STATUS_UNAVAILABLE:
        return "unavailable";
    case STATUS_NO_MEMORY:
        return "out of memory";
    case STATUS_IO:
        return "input/output error";
    case STATUS_CORRUPT:
        return "corrupt";
    case STATUS_INTERNAL:
        return "internal error";
    }
    return "unknown";
}
