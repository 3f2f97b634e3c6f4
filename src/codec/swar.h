/*
 * swar.h - looks at eight bytes at a time with plain integer arithmetic.
 *
 * A test gives a word with the high bit set in every byte that passes. Subtraction borrows, so
 * bytes above one that passes may be marked too; the lowest mark is exact, and it is the only
 * one that is used. The marks of several tests may be or-ed.
 *
 * Room: codec. Pure. Threads: any.
 */
#ifndef CODEC_SWAR_H
#define CODEC_SWAR_H

#include "base/base.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");

#define SWAR_BYTES 8

/* A byte, eight times. */
#define SWAR_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t swar_load(const unsigned char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof(w));
    return w;
}

/* Bytes equal to c; bytes >= 0x80 may be marked too. */
static inline uint64_t swar_is(uint64_t w, unsigned char c)
{
    return (w ^ SWAR_EACH(c)) - SWAR_EACH(1);
}

/* Bytes below c, which is at most 0x80; bytes >= 0x80 may be marked too. */
static inline uint64_t swar_below(uint64_t w, unsigned char c)
{
    return w - SWAR_EACH(c);
}

/* Keep only the marks. 0 when no byte passed. */
static inline uint64_t swar_marks(uint64_t tests)
{
    return tests & SWAR_EACH(0x80);
}

/* Which byte has the lowest mark? */
static inline size_t swar_first(uint64_t marks)
{
    return (size_t)__builtin_ctzll(marks) / 8;
}

/* The first byte from p on that is not ASCII, or cannot stand in a JSON string as it is: a
 * control byte, a quote, a backslash. */
static inline const unsigned char *swar_skip_json(const unsigned char *p, const unsigned char *end)
{
    for (; end - p >= SWAR_BYTES; p += SWAR_BYTES) {
        uint64_t w = swar_load(p);
        uint64_t marks = swar_marks(w | swar_below(w, 0x20) | swar_is(w, '"') | swar_is(w, '\\'));

        if (marks)
            return p + swar_first(marks);
    }
    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

#endif
