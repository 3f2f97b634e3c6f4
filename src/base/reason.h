/*
 * reason.h - reason words: why something was refused, failed or went elsewhere.
 *
 * Room: base. Threads: any.
 */
#ifndef BASE_REASON_H
#define BASE_REASON_H

#include "base/base.h"

enum reason {
#define X(name, ...) REASON_##name,
#include "base/reasons.def"
#undef X
    REASONS
};

/* The word ("upstream-tls") and the sentence that explains it. */
const char *reason_word(enum reason r);
const char *reason_meaning(enum reason r);

/* Seconds after which what was refused may well be taken, as digits; "" where that is not known. */
const char *reason_retry_after(enum reason r);

#endif
