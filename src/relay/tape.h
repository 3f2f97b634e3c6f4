/*
 * tape.h - an answer that is written once and read by several clients, also after its end.
 *
 * Toward its writer a tape is an http_stream like any client's. What is written is kept from the
 * first byte on, so a client that comes later gets the same: head, body, end; or the same unclean
 * end where there was no other. The writer goes on at the pace of its fastest reader, and is told
 * that the client is gone when the last one has left.
 *
 * Life: one reference each for the writer, until it closes the stream, for every reader, and for
 * whoever took one.
 *
 * Room: relay. Threads: one loop.
 */
#ifndef RELAY_TAPE_H
#define RELAY_TAPE_H

#include "base/blob.h"
#include "ev/ev.h"
#include "http/http.h"

struct tape;

/* bytes_max: of the body. ev and pool outlive the tape. The writer's stream is *writer, to be bound
 * and closed as any other. */
MUST_CHECK int tape_new(struct tape **ret, struct http_stream **writer, struct ev *ev,
                        struct blob_pool *pool, uint64_t bytes_max, struct err *e);
struct tape *tape_ref(struct tape *t);
/* *t becomes NULL; NULL is fine. */
void tape_unref(struct tape **t);

enum tape_over {
    TAPE_READ,   /* the client has been given all of it, as far as it goes */
    TAPE_LEFT,   /* the client has left before */
    TAPE_NO_ROOM /* there was no memory for more, and its answer was broken off */
};

/* Give this client the answer, from its beginning. Takes the stream, whose request must be whole.
 * replayed: its head says that the answer was made for another request. on_over (may be NULL) is
 * called once, from the loop or within a call of the writer's; the stream is gone by then.
 * owner: what the writer has of this stream's request must live as long as the writer: then it is
 * closed no sooner than that. -1: no memory, and the stream is still the caller's. */
MUST_CHECK int tape_attach(struct tape *t, struct http_stream *s, bool replayed, bool owner,
                           void (*on_over)(void *arg, enum tape_over how), void *arg,
                           struct err *e);

/* Bytes of the body. */
uint64_t tape_len(const struct tape *t);

/* What the writer says about it. */
struct tape_about {
    char id[24];     /* of its request */
    char model[64];  /* as its client called it */
    uint64_t result; /* record_result() of that; 0: it has not ended */
};
struct tape_about *tape_about(struct tape *t);

#endif
