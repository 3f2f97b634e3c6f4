/*
 * plain.h - steps over what stands in a JSON string as it is, which is most of every body and of
 * every event.
 *
 * Sixteen bytes at a time where the processor is sure to have the vectors for it (SSE2 is part of
 * x86-64), else eight (swar.h), which also does what is left of a text. Both stop at the same byte:
 * a test tries each byte at each place.
 *
 * Room: codec. Pure. Threads: any.
 */
#ifndef CODEC_PLAIN_H
#define CODEC_PLAIN_H

#include "codec/swar.h"

#ifdef __SSE2__
#include <emmintrin.h>

#define PLAIN_BYTES ((ptrdiff_t)sizeof(__m128i))

/* A bit for each of the sixteen bytes at p that cannot stand in a JSON string as it is, or is not
 * ASCII. The bytes are compared as signed ones: those from 0x80 on are below a blank, too. */
static inline unsigned plain_stops(const unsigned char *p)
{
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i low = _mm_cmplt_epi8(b, _mm_set1_epi8(' '));
    __m128i quote = _mm_cmpeq_epi8(b, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(b, _mm_set1_epi8('\\'));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, backslash)));
}
#endif

/* The first byte from p on that is not ASCII, or cannot stand in a JSON string as it is: a
 * control byte, a quote, a backslash. */
static inline const unsigned char *plain_skip(const unsigned char *p, const unsigned char *end)
{
#ifdef __SSE2__
    for (; end - p >= PLAIN_BYTES; p += PLAIN_BYTES) {
        unsigned stops = plain_stops(p);

        if (stops)
            return p + __builtin_ctz(stops);
    }
#endif
    return swar_skip_json(p, end);
}

#endif
