/*
 * follow.h - what a client has been told of a streamed answer, so that another target can go on
 * with it when the one that told it breaks off.
 *
 * Fed with every event of the target, from the first one; of a target that goes on, with what the
 * client is told of it (join.h). What can be gone on with is text of one choice, behind unsigned
 * thinking or behind nothing; anything else closes it for good: calls of tools, signatures,
 * citations, log-probabilities, media, a finish reason, text before the thinking in front of it has
 * ended (a writer whose parts come one after the other holds it back), more text than
 * FOLLOW_TEXT_MAX, an event that cannot be read here.
 *
 * Room: dialect. Pure but for memory. Threads: one owner.
 */
#ifndef DIALECT_FOLLOW_H
#define DIALECT_FOLLOW_H

#include "dialect/convert.h"
#include "dialect/event_tree.h"

#define FOLLOW_TEXT_MAX ((size_t)256 * 1024)

struct follow {
    /* Of the target that began it. */
    struct arena arena;
    struct event_tree event;
    struct convert_reader reader;
    struct convert_told told;
    bool joined; /* another one tells now */

    /* Of the answer. */
    struct buf text;
    struct buf pieces; /* of an event that comes in several */
    bool closed;
    bool begun;      /* the text's part, which is open then; behind it nothing else begins */
    uint32_t lead;   /* parts before it, which are thinking, or told of before a join ... */
    uint32_t open;   /* ... and so many of them have not ended */
    uint32_t deltas; /* tokens, thinking included: about as many as pieces, unless those are long */
    struct span by;  /* the model that a block of the answer says it is from; absent: none does */
    struct span id;  /* absent: none was told */
    uint64_t created;        /* 0: none was told */
    struct chat_usage usage; /* of all its targets, as far as they have told */
    struct convert_stand stand;
    struct arena names;
};

/* A target begins to stream, in this dialect. -1: no memory. */
MUST_CHECK int follow_init(struct follow *f, const struct convert *target, struct err *e);
void follow_fini(struct follow *f);

/* The client gets its events as they are, in a dialect that numbers them: f->stand is noted. Else
 * translate_stand() is who knows. */
void follow_stand(struct follow *f);

/* One whole event, as the target that began it sent it. */
void follow_event(struct follow *f, struct span raw);

/* ... or one that comes in pieces. Until the last of them it has not been told. */
void follow_piece(struct follow *f, struct span raw, bool last);

/* That target has broken off: what is told from now on follow_told() hears of. */
void follow_on(struct follow *f);
void follow_told(struct follow *f, const struct chat_event *ev);

/* Something that is not seen here has been told. */
void follow_close(struct follow *f);

/* Can another target go on with it? */
static inline bool follow_can(const struct follow *f)
{
    return !f->closed && !f->stand.lost && f->begun && f->text.n > 0;
}

#endif
