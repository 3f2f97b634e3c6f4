/*
 * history.h - the latest requests, each with its attempts, for `lamplighter request`.
 *
 * A ring of records as they came: that of each attempt which another one followed, and that of the
 * request. It holds HISTORY_REQUESTS requests or HISTORY_BYTES of them, whichever is reached first;
 * then the oldest falls out. Memory is taken as it fills: a record takes about 400 bytes, and
 * 100,000 requests of which each fifth needed a second attempt about 45 MiB.
 *
 * Room: ops. Pure but for memory. Threads: one loop.
 */
#ifndef OPS_HISTORY_H
#define OPS_HISTORY_H

#include "base/err.h"
#include "record/record.h"

#define HISTORY_REQUESTS 100000
#define HISTORY_BYTES    ((size_t)60 * 1024 * 1024) /* of records; their index takes 2 MiB besides */
#define HISTORY_LEAST    ((size_t)1024 * 1024)
#define HISTORY_TRIES    64 /* most records of one request that are found */

struct history;

/* Where a record stands. It is good until the next history_add(). */
typedef uint64_t history_at;

/* most: bytes of records that it takes, at most HISTORY_BYTES and at least HISTORY_LEAST. */
MUST_CHECK int history_new(struct history **ret, size_t most, struct err *e);
void history_free(struct history **h);

/* Keep a copy. Without memory for it, it is counted as missed. */
void history_add(struct history *h, const struct record *r);

/* The records of the request with this id, oldest first: the last HISTORY_TRIES of those that are
 * still there. Returns how many, 0: none is. */
size_t history_find(const struct history *h, struct span id, history_at ret[HISTORY_TRIES]);

/* The newest record, and the one before; false: there is none. */
MUST_CHECK bool history_newest(const struct history *h, history_at *ret);
MUST_CHECK bool history_before(const struct history *h, history_at *at);

void history_read(const struct history *h, history_at at, struct record *ret);

struct history_facts {
    uint64_t requests;  /* kept */
    uint64_t fallen;    /* ... and had to make room; 0: all since the beginning are there */
    uint64_t missed;    /* records that there was no memory for */
    uint64_t bytes;     /* memory taken */
    uint64_t oldest_ms; /* Unix time when the oldest that is kept began; 0: none is */
};

void history_facts(const struct history *h, struct history_facts *ret);

#endif
