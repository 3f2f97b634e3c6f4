/*
 * err.c - error values. No allocation: an error must be sayable when memory is gone.
 */
#include "base/err.h"

#include <stdarg.h>

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    MUST(e && code != ERR_NONE);
    e->code = code;
    e->place_n = 0;
    va_start(ap, fmt);
    if (vsnprintf(e->text, sizeof(e->text), fmt, ap) < 0)
        e->text[0] = '\0';
    va_end(ap);
    return -1;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    struct err old = *e;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(e->text)) {
        *e = old;
        return -1;
    }
    e->place_n = 0;
    if (snprintf(e->text + n, sizeof(e->text) - (size_t)n, ": %s", old.text) < 0)
        *e = old;
    return -1;
}

const char *err_code_name(enum err_code code)
{
    static const char *const names[] = {
#define X(name, text) text,
        ERR_CODES(X)
#undef X
    };

    return (size_t)code < ARRAY_LEN(names) ? names[code] : "unknown";
}
