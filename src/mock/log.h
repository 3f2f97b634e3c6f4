/*
 * log.h - the JSON lines by which a test sees what reached the mock: one for every request, one
 * for every end. Written unbuffered, so that a reader need not wait.
 *
 * Room: mock. Threads: one loop.
 */
#ifndef MOCK_LOG_H
#define MOCK_LOG_H

#include <stdio.h>

#include "mock/facts.h"

struct mock_log {
    FILE *file; /* NULL: no log */
    bool bodies;
};

/* Append to the file at path. On success the caller must mock_log_close() it. */
MUST_CHECK int mock_log_open(struct mock_log *l, const char *path, struct err *e);
void mock_log_close(struct mock_log *l);

void mock_log_request(struct mock_log *l, uint64_t n, uint64_t conn, uint64_t at_ms,
                      const struct mock_req *r, const struct mock_facts *f, const char *fault);

struct mock_log_end {
    uint64_t n, conn, at_ms;
    const char *how;     /* "full", "cut", "reset", "closed", "client_gone", ... */
    unsigned status;     /* 0: no head was sent */
    uint64_t body_bytes; /* of the answer, without framing */
    uint64_t ms;         /* since the request was whole */
    uint64_t idle_ms;    /* since the last byte of the answer was written */
};
void mock_log_end(struct mock_log *l, const struct mock_log_end *end);

/* A request that was refused, or that its sender gave up. */
void mock_log_bad(struct mock_log *l, uint64_t conn, uint64_t at_ms, const char *what,
                  const char *why);

#endif
