/*
 * percent.c - see percent.h.
 */
#include "codec/percent.h"

void percent_encode(struct buf *out, struct span s, const char *keep)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

    for (size_t i = 0; i < s.n; i++) {
        if (memchr(plain, s.p[i], sizeof(plain) - 1) || (s.p[i] && strchr(keep, s.p[i])))
            buf_add_char(out, s.p[i]);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)s.p[i]);
    }
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 87 : -1;
}

size_t percent_take(struct span s, char *ret)
{
    bool escape = s.p[0] == '%' && s.n > 2 && hex(s.p[1]) >= 0 && hex(s.p[2]) >= 0;

    *ret = escape ? (char)(hex(s.p[1]) * 16 + hex(s.p[2])) : s.p[0];
    return escape ? 3 : 1;
}
