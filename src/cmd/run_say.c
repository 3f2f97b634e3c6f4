/*
 * run_say.c - lines for people, on standard error: one write each, so that lines of several
 * processes do not mix.
 */
#include <stdarg.h>
#include <unistd.h>

#include "cmd/run.h"

void run_say(const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    n = MIN(n, (int)sizeof(line) - 2);
    line[n] = '\n';
    if (write(STDERR_FILENO, line, (size_t)n + 1) < 0)
        return; /* nobody reads it */
}
