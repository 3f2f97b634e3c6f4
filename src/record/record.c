/*
 * record.c - words of the outcome record.
 */
#include "record/record.h"

const char *record_outcome_name(enum outcome o)
{
    static const char *const names[] = {
#define X(name, text) text,
        OUTCOMES(X)
#undef X
    };

    return (size_t)o < ARRAY_LEN(names) ? names[o] : "unknown";
}
