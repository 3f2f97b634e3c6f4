/*
 * requests.h - GET /api/v1/requests and /api/v1/requests/ID: what `lamplighter requests` and
 * `lamplighter request` print, as JSON. Members are added, none is renamed.
 *
 * Room: ops. Threads: one loop.
 */
#ifndef OPS_REQUESTS_H
#define OPS_REQUESTS_H

#include "base/buf.h"
#include "ops/history.h"

#define REQUESTS_DEFAULT 20
#define REQUESTS_MOST    1000 /* in one answer */
#define REQUESTS_TEXT    320

/* Which ones: of a query, "n=20&failed=1&model=smart". */
struct requests_query {
    uint64_t n;
    bool failed;    /* only those without a complete answer */
    char model[64]; /* only those for it, as records have it; "": for any */
};

/* -1: *e says what is wrong with it. query may be absent. */
MUST_CHECK int requests_read_query(struct requests_query *ret, struct span query, struct err *e);

/* Append the document and a newline; check out's sticky error. Newest first. */
void requests_write(struct buf *out, const struct history *h, const struct requests_query *q);

/* The same of one request. false: it is not there; nothing is appended. */
MUST_CHECK bool requests_write_one(struct buf *out, const struct history *h, struct span id);

/* Why it is not there, in a sentence: how far back the history reaches, and since when it is kept.
 */
const char *requests_unknown(char ret[REQUESTS_TEXT], const struct history *h, uint64_t began_ms);

#endif
