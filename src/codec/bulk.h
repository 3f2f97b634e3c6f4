/*
 * bulk.h - what of a body is no text: pictures, sound and documents as base64. A run of at least
 * BULK_LEAST bytes of base64's alphabet is one; text has a space, a quote or a line's end long
 * before.
 *
 * It costs next to nothing where there is none: of such a run every BULK_STEP-th byte is of the
 * alphabet, and only around those that are is anything looked at.
 *
 * Room: codec. Pure. Threads: any.
 */
#ifndef CODEC_BULK_H
#define CODEC_BULK_H

#include "base/span.h"

#define BULK_LEAST 2048u
#define BULK_STEP  512u

struct bulk {
    uint64_t bytes; /* in such runs */
    uint64_t runs;
    uint64_t open; /* bytes of a run that reaches to the end of what has been seen */
};

/* The next piece of the body; all 0 before the first. */
void bulk_feed(struct bulk *b, struct span s);

/* The body has ended. */
void bulk_end(struct bulk *b);

#endif
