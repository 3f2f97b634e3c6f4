/*
 * join.h - the events of a target that goes on with an answer which another one has begun, as a
 * part of that answer.
 *
 * By prefix, it was asked with the text so far as the beginning of its own answer, less the white
 * space at the end of it (some APIs refuse that, and models go on worse behind it). So its text
 * follows where the other one's broke off, but for what it says again:
 *
 *     16 bytes or more of the end of the text   a target that repeats the last words: once
 *     all of the text                           ... that begins anew, and says the same
 *     of that white space what it begins with
 *
 * One that begins anew with JOIN_OVERLAP_MAX bytes of the text and then says something else does
 * not go on with it: its reader would read the beginning twice.
 *
 * Asked in words to go on (instruct), it may have done something else, which is seen at the seam
 * alone: what it does not say again has to begin at the edge of a word.
 *
 * Asked afresh (replay), it has to say the text so far again, byte for byte.
 *
 * Its first part has to be text, behind its own thinking where it was not asked by prefix, which is
 * not told; it goes on the part that is open, and the numbers of others follow
 * behind. Its id, model and time are not told: the answer has them already. Its usage is told with
 * what the targets before it have taken. What is told the follower hears of, and nothing else: when
 * this target breaks off too, what was held back here has been told to nobody.
 *
 * Room: dialect. Pure but for memory. Threads: one owner.
 */
#ifndef DIALECT_JOIN_H
#define DIALECT_JOIN_H

#include "dialect/follow.h"

#define JOIN_OVERLAP_MIN 16
#define JOIN_OVERLAP_MAX 256

enum join_how { JOIN_PREFIX, JOIN_INSTRUCT, JOIN_REPLAY };

struct join {
    struct chat_sink to; /* where the events go */
    enum join_how how;
    struct follow *follow;
    char tail[JOIN_OVERLAP_MAX]; /* the end of the text so far; the text itself grows */
    size_t tail_n, blank_n;      /* ... and how much of the end is white space */
    struct chat_usage before;
    bool counted;                /* it has told of its own usage, with that */
    char head[JOIN_OVERLAP_MAX]; /* of its text, until it is clear what of it is new */
    size_t head_n;
    bool anew;     /* it has begun anew, ... */
    size_t anew_n; /* ... and said so many bytes of the text again */
    bool said;     /* it has said all of the text again */
    bool new;      /* what comes now is */
    uint32_t led;  /* parts that it has thought in before its text */
};

/* *f is borrowed, and from here on the join's to feed. */
void join_init(struct join *j, struct follow *f, enum join_how how, struct chat_sink to);

/* What the target is asked with; empty if all of it is white space. Before its first event; lives
 * until then. */
struct span join_text(const struct join *j);

/* The fn of the sink that its reader writes to; arg: the join. -1: it does not go on with the text
 * (ERR_PROTOCOL), or as the sink behind it says. */
MUST_CHECK int join_event(void *arg, const struct chat_event *ev, struct err *e);

/* Its answer is complete. */
MUST_CHECK int join_end(struct join *j, struct err *e);

#endif
