/*
 * once.h - requests that are made once, however often a client sends them: by Idempotency-Key.
 *
 * A client that is not sure whether its request has arrived sends it again with the same key. It
 * then gets the answer of the first one, running or finished, and the provider is asked once. The
 * same key with another request is a mistake of the client's, and is told so. Answers are kept in
 * the memory of this process alone, for as long as the configuration says, complete ones of at most
 * ONCE_BYTES; who comes later, or after a failure, begins anew.
 * (draft-ietf-httpapi-idempotency-key-header-07; what is not in it, docs/decisions/0016 says.)
 *
 * Bounds: ONCE_MOST requests, a quarter of the memory that bodies may take for finished answers;
 * past either the oldest finished ones are forgotten first, and while all run a further request is
 * not held (ONCE_UNHELD): it is served, and its repetition will be too.
 *
 * Room: relay. Threads: one loop.
 */
#ifndef RELAY_ONCE_H
#define RELAY_ONCE_H

#include "relay/tape.h"

#define ONCE_BYTES   ((uint64_t)1024 * 1024)
#define ONCE_MOST    4096
#define ONCE_KEY_MAX 255
#define ONCE_ID      2 /* words of an id */

struct once_entry;

struct once {
    struct ev *ev;
    struct list buckets[256];
    struct list running, finished; /* finished: the oldest first */
    size_t n;
    uint64_t bytes; /* of the finished ones */
    struct ev_timer timer;
};

void once_init(struct once *o, struct ev *ev);
/* Nothing may run any more. */
void once_fini(struct once *o);

/* What is known of a request. */
enum once_is {
    ONCE_NEW,    /* nothing: once_begin() */
    ONCE_SAME,   /* it runs, or has been answered: *tape */
    ONCE_OTHER,  /* its key has come with another request */
    ONCE_UNHELD, /* nothing, and there is no room to hold it */
};

/* id: a cryptographic hash of the client and its key. print: of the request. *tape is borrowed. */
enum once_is once_find(struct once *o, const uint64_t id[ONCE_ID], uint64_t print,
                       struct tape **tape);

/* It begins, and is answered on this tape. NULL: no memory. */
struct once_entry *once_begin(struct once *o, const uint64_t id[ONCE_ID], uint64_t print,
                              struct tape *tape);

/* It has ended. keep_us: how long its answer is kept, 0: it is not. *en becomes NULL. bytes_max: of
 * all that are kept. */
void once_end(struct once *o, struct once_entry **en, uint64_t keep_us, uint64_t bytes_max);

#endif
