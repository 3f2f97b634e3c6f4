/*
 * explain.h - where a request would be sent now, in order, and where not, and why; nobody is asked.
 *
 * It is the relay's own code that decides, on a copy of what is known of the targets: the request
 * is read, its plan made, and each target that would be asked is supposed to fail. So what a
 * failure may take along (a silent provider, a refused key) is not foreseen.
 *
 * Room: relay. Threads: the loop of whoever asks.
 */
#ifndef RELAY_EXPLAIN_H
#define RELAY_EXPLAIN_H

#include "base/buf.h"
#include "board/board.h"
#include "settings/settings.h"

struct ev;

struct relay_question {
    struct span path;  /* of the API that the client calls; MODEL in it stands for the model */
    struct span model; /* as the client calls it; what the body says counts for nothing */
    struct span key;   /* name of the client's key; absent: a key that is allowed all */
    struct span body;  /* of the request */
    /* What the fields x-lamplighter-data-class, -tags and -conversation say; absent: they are not
     * sent. */
    struct span data_class, tags, conversation;
};

/* Append the answer to out, as JSON: docs/explain.md. `board` has what a running gateway knows, in
 * the rows of its first `workers`, and is not changed; NULL: nothing is known. -1: it cannot be
 * said, *e why. A request that is refused is an answer. */
MUST_CHECK int relay_explain(struct buf *out, const struct relay_question *q, struct ev *ev,
                             struct settings *settings, struct board *board, uint32_t workers,
                             struct err *e);

#endif
