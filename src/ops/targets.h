/*
 * targets.h - how targets do lately, by the outcomes of the attempts at them. This is shown and
 * decides nothing: what decides stands on the board (policy/policy.h), and goes before it where it
 * is shown (view.h).
 *
 *     unknown    no attempt within TARGETS_FORGET_S, or none that says anything
 *     degraded   its last 5 attempts failed, or more than a fifth of its last 32 (of 5 at least)
 *     healthy    else
 *
 * Only what says something about the target is counted: a complete answer for it, a failure of a
 * class that is one of health (classes.def) against it. A refused request, a limited rate or a
 * client that left is neither.
 *
 * At most TARGETS_MAX are kept, by name: clients choose names behind "provider/". Past that, one
 * that was not asked for so long makes room; when there is none, the newcomer is not kept.
 *
 * Room: ops. Pure. Threads: one loop.
 */
#ifndef OPS_TARGETS_H
#define OPS_TARGETS_H

#include "record/record.h"

#define TARGETS_MAX      256
#define TARGETS_FORGET_S 900

enum target_state {
    TARGET_HEALTHY,
    TARGET_DEGRADED,
    TARGET_UNKNOWN,
    /* policy's */
    TARGET_SLOW,
    TARGET_SLOW_START,
    TARGET_OPEN,
    TARGET_HALF_OPEN,
    TARGET_FATED,
    TARGET_LEFT_ALONE,
    TARGET_STATES
};

const char *targets_state_name(enum target_state s);

struct targets {
    struct target_row {
        char name[96];
        uint64_t last_us;      /* its last attempt */
        uint32_t failed;       /* the last 32 that count, the last one in bit 0; 1: it failed */
        uint32_t n;            /* how many of them there are */
        uint64_t last_resorts; /* attempts for want of others, since the row is there */
    } rows[TARGETS_MAX];
    size_t rows_n;
};

void targets_add(struct targets *t, const struct record *r, uint64_t now_us);

/* The target's state; unknown if it is not kept. */
enum target_state targets_state(const struct targets *t, struct span name, uint64_t now_us);

/* How often it was probed though it was left alone, since every target was. */
uint64_t targets_last_resorts(const struct targets *t, struct span name);

/* The names of those that were asked within TARGETS_FORGET_S: begin with *at 0. false: no more. */
bool targets_next(const struct targets *t, size_t *at, uint64_t now_us, struct span *ret);

#endif
