/*
 * reason.h - reason words: why something was refused, failed or went elsewhere.
 *
 * Room: base. Threads: any.
 */
#ifndef BASE_REASON_H
#define BASE_REASON_H

#include "base/base.h"

enum reason {
#define X(name, text, meaning) REASON_##name,
#include "base/reasons.def"
#undef X
    REASONS
};

/* The word ("upstream-tls") and the sentence that explains it. */
const char *reason_word(enum reason r);
const char *reason_meaning(enum reason r);

#endif
