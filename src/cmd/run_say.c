/*
 * run_say.c - lines for people, on standard error: one write each, so that lines of several
 * processes do not mix.
 */
#include <poll.h>
#include <stdarg.h>
#include <unistd.h>

#include "cmd/run.h"

void run_say(const char *fmt, ...)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
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
    /* A log pipe that is full or dead must hold nobody up, the master least of all: the line is
     * dropped. A pipe that is writable takes this many bytes at once. */
    if (poll(&out, 1, 0) != 1 || !(out.revents & POLLOUT))
        return;
    if (write(STDERR_FILENO, line, (size_t)n + 1) < 0)
        return; /* nobody reads it */
}

void run_tell(void *arg, const char *line)
{
    UNUSED(arg);
    run_say("lamplighter: %s", line);
}
