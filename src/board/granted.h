/*
 * granted.h - what each worker has of the credentials that clouds give, for people to see.
 *
 * A worker has its own credential for a provider, and shows it in a place of its own row: when it
 * ends, whether the last fetch failed, and why. Readers look at all rows.
 *
 * Room: board. A place is written by the process that has taken it; anybody may read.
 */
#ifndef BOARD_GRANTED_H
#define BOARD_GRANTED_H

#include "board/board.h"

#define GRANTED_WHY       (20 * sizeof(uint64_t)) /* a reason with its NUL; a longer one is cut */
#define GRANTED_FORGET_MS 900000 /* a failure older than that is nobody's trouble any more */

/* Nothing is taken in this row (any more): a new process writes it. Counters stay. */
void granted_clear(struct board_cred row[BOARD_CREDS]);

/* The place of a provider, or NULL: all are taken. Who comes back finds its counters, unless
 * another one needed the place. */
struct board_cred *granted_take(struct board_cred row[BOARD_CREDS], struct span provider);

/* The provider is not configured any more. */
void granted_leave(struct board_cred *place);

/* A fetch has failed, just now. */
void granted_failed(struct board_cred *place, uint64_t wall_ms, const char *why);

/* What there is: the first of these that is true of any worker, from below. */
enum granted_state {
    GRANTED_NONE,   /* nobody has one, and nobody wants one */
    GRANTED_GOOD,   /* there is one */
    GRANTED_STALE,  /* ... and it could not be renewed */
    GRANTED_FAILED, /* there is none, and none could be had */
    GRANTED_STATES
};

const char *granted_state_name(enum granted_state s);

struct granted {
    enum granted_state state;
    uint64_t until_ms; /* Unix time when the first one of them ends; 0: there is none */
    uint64_t fetched, failed;
    char why[GRANTED_WHY]; /* of the last failure, if the state is one of trouble; else empty */
};

void granted_read(const struct board *b, uint32_t workers, struct span provider, uint64_t wall_ms,
                  struct granted *ret);

#endif
