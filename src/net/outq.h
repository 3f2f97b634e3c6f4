/*
 * outq.h - bytes that wait to leave: a queue of fixed chunks from a small shared store.
 *
 * A queue that is empty holds no memory, so an idle connection costs no buffer. The chunks of a
 * loop go round: the store keeps up to OUTQ_SPARE_MAX of them.
 *
 * Room: net, private. Threads: owned by one loop.
 */
#ifndef NET_OUTQ_H
#define NET_OUTQ_H

#include "base/base.h"

#define OUTQ_CHUNK_BYTES                                                                           \
    ((size_t)16 * 1024 - 32) /* of payload; with its head and malloc's, 16 KiB */
#define OUTQ_SPARE_MAX 64

struct outq_chunk;

struct outq_store {
    struct outq_chunk *spare;
    size_t spare_n;
};

struct outq {
    struct outq_chunk *head, *tail;
    size_t n;   /* bytes queued */
    bool wipes; /* a secret may be among them: what has left is overwritten */
};

/* Both structs start as zeros, but for wipes. */
void outq_store_fini(struct outq_store *s);

/* Append n bytes: all, or on -1 (no memory) none. */
MUST_CHECK int outq_add(struct outq *q, struct outq_store *s, const char *p, size_t n);

/* The bytes at the front that lie together, *ret_n of them; `skip` chunks are passed over.
 * NULL when there are no more. */
char *outq_front(const struct outq *q, size_t skip, size_t *ret_n);

/* Forget the first n bytes. */
void outq_drop(struct outq *q, struct outq_store *s, size_t n);

#endif
