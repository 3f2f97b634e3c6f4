/*
 * translate.h - one request and its answer between two dialects: bytes in, bytes out.
 *
 * Room: dialect. Pure but for memory. Threads: one owner.
 */
#ifndef DIALECT_TRANSLATE_H
#define DIALECT_TRANSLATE_H

#include "dialect/convert_count.h"
#include "dialect/convert_embed.h"
#include "dialect/event_tree.h"
#include "dialect/join.h"

#define TRANSLATE_EVENT_MAX EVENT_TREE_MAX /* longest event that is translated */

struct translate; /* opaque; lives as long as the request */

struct translate_conf {
    const struct convert *client, *target;
    const struct convert_host *host; /* of the target's row; NULL: as its dialect's maker */
    struct span model;               /* what the client calls it */
    struct span id;                  /* for answers whose upstream gives none; borrowed */
    uint64_t created;                /* seconds since 1970, likewise */
    size_t answer_max;               /* most bytes of a whole answer */
    /* Only how many tokens the prompt has is asked, in these dialects; NULL: for an answer. */
    const struct convert_count *client_count, *target_count;
    /* Vectors are asked for, in these dialects, and no conversation is meant: client and target are
     * NULL. NULL: it is one. */
    const struct convert_embed *client_embed, *target_embed;
};

/* Read the client's request. -1: it is not acceptable (ERR_PROTOCOL, ERR_LIMIT: *e says where and
 * why), or there is no memory (ERR_NOMEM). The body is copied. */
MUST_CHECK int translate_new(struct translate **ret, const struct translate_conf *conf,
                             struct span body, struct err *e);
void translate_free(struct translate **t);

/* Most memory that a request of n bytes takes while it is read and written. */
#define TRANSLATE_PEAK(n) (15 * (n) + (uint64_t)64 * 1024)

/* What it takes from then on. */
uint64_t translate_memory(const struct translate *t);

/* The answer was begun by another target, and this one is to go on with it, asked in that way: the
 * request ends with what the client was told, but for JOIN_REPLAY, and events are told as the rest
 * of that (join.h); the first of them names `by`, whose they are. Behind translate_new(), before
 * all others; *f is borrowed until translate_free(), and hears what is told. -1: such an answer has
 * to be of one piece (ERR_PROTOCOL), or no memory. */
MUST_CHECK int translate_go_on(struct translate *t, struct follow *f, enum join_how how,
                               struct span by, struct err *e);

/* The client knows of a block that says which model goes on: tell it so, where its dialect has one.
 * Before translate_go_on(). -1: no memory. */
MUST_CHECK int translate_say_join(struct translate *t, struct span model, struct err *e);

/* Where the client's stream stands now goes to f->stand, for who goes on behind this one; and the
 * number that its next event has. */
void translate_stand(const struct translate *t, struct follow *f);
uint64_t translate_sequence(const struct translate *t);

/* The first thing of the request that the target cannot say and that must not be left out;
 * CHAT_FEATURES: there is none. */
enum chat_feature translate_obstacle(const struct translate *t);

/* Where in the request it stands; absent: that is not known. */
struct span translate_place(const struct translate *t, enum chat_feature f);

/* What the last translate_request() left out, and the answer so far; and what it said in other
 * words that mean nearly the same: names, comma-separated; "" if there is nothing. */
void translate_dropped(const struct translate *t, struct buf *out);
void translate_approximated(const struct translate *t, struct buf *out);

/* Append the request as the target wants it. -1: it cannot be said (ERR_PROTOCOL), no memory, ...
 * A place that *e then counts is one in the client's request. */
MUST_CHECK int translate_request(struct translate *t, struct buf *out, const struct convert_to *to,
                                 struct err *e);

/* One whole event of the target's stream, as it came: append what the client gets for it, which may
 * be nothing. -1: it cannot be translated (ERR_PROTOCOL), is too large (ERR_LIMIT), no memory. */
MUST_CHECK int translate_event(struct translate *t, struct span raw, struct buf *out,
                               struct err *e);

/* The stream is complete, by the target's own word: what is still due, and the client's terminal.
 */
MUST_CHECK int translate_end(struct translate *t, struct buf *out, struct err *e);

/* A whole answer of the target: append the client's, as a whole or, for a client that wants a
 * stream, as events with their terminal. */
MUST_CHECK int translate_answer(struct translate *t, struct span body, bool stream, struct buf *out,
                                struct err *e);

/* In place of an answer: a text of the gateway's own, whole or, for a client that wants a stream,
 * as events with their terminal. */
MUST_CHECK int translate_say(struct translate *t, struct span text, bool stream, struct buf *out,
                             struct err *e);

#endif
