/*
 * utf8.h - UTF-8 (RFC 3629: shortest form, no surrogates, up to U+10FFFF), one character a call.
 *
 * Room: codec. Pure. Threads: any.
 */
#ifndef CODEC_UTF8_H
#define CODEC_UTF8_H

#include "base/base.h"

#define UTF8_MAX 4 /* most bytes of one character */

/* Length of the valid character at the start of [p, end), or 0 when it is invalid or cut. */
static inline size_t utf8_len(const unsigned char *p, const unsigned char *end)
{
    size_t left = (size_t)(end - p);
    unsigned lo = 0x80, hi = 0xBF; /* bounds of the second byte */

    if (left == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (left < 2 || p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    if (p[0] < 0xE0)
        return (p[1] & 0xC0) == 0x80 ? 2 : 0;
    if (p[0] == 0xE0)
        lo = 0xA0;
    else if (p[0] == 0xED)
        hi = 0x9F;
    else if (p[0] == 0xF0)
        lo = 0x90;
    else if (p[0] == 0xF4)
        hi = 0x8F;
    if (left < 3 || p[1] < lo || p[1] > hi || (p[2] & 0xC0) != 0x80)
        return 0;
    if (p[0] < 0xF0)
        return 3;
    return left >= 4 && (p[3] & 0xC0) == 0x80 ? 4 : 0;
}

/* The first byte from p on that is ASCII, or does not begin a valid and whole character. */
static inline const unsigned char *utf8_skip(const unsigned char *p, const unsigned char *end)
{
    while (end - p >= UTF8_MAX && *p >= 0x80) {
        uint32_t w;
        size_t n = 0;

        memcpy(&w, p, sizeof(w)); /* the first byte is the lowest */
        if ((w & 0xC0C0F0) == 0x8080E0) {
            uint32_t bits = w & 0x200F; /* what tells E0 80-9F and ED A0-BF */

            n = bits != 0x0000 && bits != 0x200D ? 3 : 0;
        } else if ((w & 0xC0E0) == 0x80C0) {
            n = w & 0x1E ? 2 : 0;
        } else {
            n = utf8_len(p, end);
        }
        if (n == 0)
            return p;
        p += n;
    }
    for (size_t n = 1; n && p < end && *p >= 0x80; p += n)
        n = utf8_len(p, end);
    return p;
}

/* Does [p, end) begin with what UTF-8 would have for a surrogate? Texts of JSON may hold one that
 * stands alone (json_tree.h). */
static inline bool utf8_is_surrogate(const unsigned char *p, const unsigned char *end)
{
    return end - p >= 3 && p[0] == 0xED && p[1] >= 0xA0 && p[1] <= 0xBF && (p[2] & 0xC0) == 0x80;
}

/* Write the character c (at most U+10FFFF) to out; returns its length. */
static inline size_t utf8_put(char out[UTF8_MAX], uint32_t c)
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[UTF8_MAX + 1] = {0, 0x00, 0xC0, 0xE0, 0xF0};

    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[n] | c);
    return n;
}

#endif
