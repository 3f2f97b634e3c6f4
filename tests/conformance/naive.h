/*
 * naive.h - a second opinion on an answer, from a reader that shares nothing with the dialects:
 * it has the whole text, splits it into lines and parses every event with yyjson.
 */
#ifndef CONFORMANCE_NAIVE_H
#define CONFORMANCE_NAIVE_H

#include "dialect/dialect.h"

/* From this offset on (the text's first `at` bytes and every longer piece up to the next mark),
 * the verdict is this. */
struct naive_mark {
    size_t at;
    enum dialect_verdict verdict;
};

/* The verdicts on a streamed answer; the first mark is at 0. Returns the number of marks, to be
 * freed by the caller. */
size_t naive_stream(struct naive_mark **ret, const char *dialect, enum dialect_terminal terminal,
                    uint32_t choices, struct span text);

/* The verdict on a whole answer, and the offset behind its last brace. */
struct naive_mark naive_whole(const char *dialect, struct span text);

#endif
