/*
 * reason.c - the table of reasons.def as lookups.
 */
#include "base/reason.h"

const char *reason_word(enum reason r)
{
    static const char *const words[] = {
#define X(name, text, retry_after, meaning) text,
#include "base/reasons.def"
#undef X
    };

    return (size_t)r < ARRAY_LEN(words) ? words[r] : "unknown";
}

const char *reason_meaning(enum reason r)
{
    static const char *const meanings[] = {
#define X(name, text, retry_after, meaning) meaning,
#include "base/reasons.def"
#undef X
    };

    return (size_t)r < ARRAY_LEN(meanings) ? meanings[r] : "";
}

const char *reason_retry_after(enum reason r)
{
    static const char *const seconds[] = {
#define X(name, text, retry_after, meaning) retry_after,
#include "base/reasons.def"
#undef X
    };

    return (size_t)r < ARRAY_LEN(seconds) ? seconds[r] : "";
}
