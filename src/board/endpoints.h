/*
 * endpoints.h - what the keeper has last heard of each self-hosted engine, for all processes.
 *
 * A table, found by a hash. What stands there is what the engine says (engine/signals.h), or what
 * became of asking it (engine/poll.h).
 *
 * Room: board. The keeper writes, anybody reads; words of one endpoint may come from two rounds.
 */
#ifndef BOARD_ENDPOINTS_H
#define BOARD_ENDPOINTS_H

#include "base/span.h"
#include "board/board.h"

enum signal_kind {
    SIGNAL_RUNNING,     /* requests that it works at */
    SIGNAL_WAITING,     /* ... and that wait for it */
    SIGNAL_KV_SHARE,    /* of its KV cache that is in use, in millionths */
    SIGNAL_KV_USED,     /* ... in tokens */
    SIGNAL_KV_TOKENS,   /* tokens that its KV cache holds */
    SIGNAL_KV_BLOCKS,   /* ... as blocks ... */
    SIGNAL_KV_BLOCK,    /* ... of so many tokens */
    SIGNAL_PROGRESS,    /* a count that grows while it makes tokens */
    SIGNAL_PREEMPTIONS, /* since it started: requests whose cache was taken for others' */
    SIGNALS
};

#define SIGNAL_UNKNOWN UINT64_MAX

/* How an endpoint stands, by what it answers. */
enum endpoint_state {
    ENDPOINT_UNKNOWN,  /* nothing has been asked, or said */
    ENDPOINT_READY,    /* it serves */
    ENDPOINT_LOADING,  /* ... not yet */
    ENDPOINT_RESTING,  /* it has put its weights away, and brings them back at a call */
    ENDPOINT_SLEEPING, /* ... and when it is asked to only */
    ENDPOINT_DEAD,     /* it says itself that it does not serve */
    ENDPOINT_DOWN,     /* nobody is there */
    ENDPOINT_SILENT,   /* somebody is, and does not answer */
    ENDPOINT_HUNG,     /* it says that it is well, and makes no token */
    ENDPOINT_STATES
};

const char *endpoints_state_name(enum endpoint_state s);

#define ENDPOINT_ID_LEAST 2 /* no endpoint has a smaller id; else it is any hash */

/* What is known of it. */
struct endpoint_view {
    enum endpoint_state state;
    uint64_t seen_us; /* when it was heard of last; 0: never */
    bool stale;       /* that is too long ago to be believed */
    uint64_t signals[SIGNALS];
    uint64_t foreign; /* tokens of its KV cache that are of nobody here, as far as can be told */
    size_t place;     /* endpoints_place() */
};

/* false: it is not asked. */
bool endpoints_view(struct endpoint_view *ret, const struct board *b, uint64_t id, uint64_t now_us);

/* Which of board.endpoints it is, and of each worker's loads; BOARD_ENDPOINTS: none. */
size_t endpoints_place(const struct board *b, uint64_t id);

/* For the keeper: its place, made if there is none; NULL: all BOARD_ENDPOINTS are taken. */
struct board_endpoint *endpoints_make(struct board *b, uint64_t id);

/* It is not asked any more. */
void endpoints_forget(struct board *b, uint64_t id);

#endif
