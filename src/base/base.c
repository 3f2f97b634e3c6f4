/*
 * base.c - what happens when a MUST or an EXPECT does not hold.
 *
 * Written with write(2) and no allocation: the heap may be what is broken.
 */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void say(const char *what, const char *file, int line, const char *expr)
{
    char text[512];
    int n;

    n = snprintf(text, sizeof(text), "lamplighter: %s failed at %s:%d: %s\n", what, file, line,
                 expr);
    if (n > 0 && write(STDERR_FILENO, text, MIN((size_t)n, sizeof(text) - 1)) < 0)
        return; /* nowhere left to say it */
}

void base_must_failed(const char *file, int line, const char *expr)
{
    say("MUST", file, line, expr);
    abort();
}

void base_expect_failed(const char *file, int line, const char *expr)
{
    say("EXPECT", file, line, expr);
#ifdef LAMPLIGHTER_TEST
    abort();
#endif
}
