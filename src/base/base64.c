/*
 * base64.c - see base64.h.
 */
#include "base/base64.h"

void base64_encode(struct buf *out, struct span bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = MIN(bytes.n - i, (size_t)3);
        uint32_t v = 0;
        char four[4];

        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (k < n ? (unsigned char)bytes.p[i + k] : 0U);
        for (size_t k = 0; k < 4; k++)
            four[k] = k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
        buf_add(out, four, sizeof(four));
    }
}

/* The value of a digit; -1: it is none. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

int base64_decode(struct buf *out, struct span text)
{
    uint32_t v = 0;
    size_t digits = text.n;

    for (size_t pad = 0; pad < 2 && digits && text.p[digits - 1] == '='; pad++)
        digits--;
    if (digits % 4 == 1)
        return -1;
    for (size_t i = 0; i < digits; i++) {
        int digit = value_of(text.p[i]);

        if (digit < 0)
            return -1;
        v = v << 6 | (uint32_t)digit;
        if (i % 4 != 0) /* the first of four digits fills no byte */
            buf_add_char(out, (char)(v >> (6 - 2 * (i % 4)) & 0xFF));
    }
    return 0;
}
