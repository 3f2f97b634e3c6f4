/*
 * trial.h - a new configuration that is tried on a slice of the requests: the words that the
 * processes share of it.
 *
 * The master begins and ends a trial, every worker counts what becomes of its requests, the clerk
 * judges. The counts of the last trial stay until the next one begins.
 *
 * Room: board. Who writes what stands beside the words (board.h).
 */
#ifndef BOARD_TRIAL_H
#define BOARD_TRIAL_H

#include "board/board.h"

enum board_trial_state {
    BOARD_TRIAL_NONE,
    BOARD_TRIAL_RUNS,
    BOARD_TRIAL_UNPROVEN, /* it is held on its slice until somebody decides */
    BOARD_TRIAL_STATES
};

/* How the last one ended: X(name, word, what it means to people). */
#define BOARD_TRIAL_ENDS(X)                                                                        \
    X(NONE, "none", "")                                                                            \
    X(KEPT, "kept", "the new configuration is in use")                                             \
    X(CONFIRMED, "confirmed", "the new configuration is in use, as somebody said")                 \
    X(FAILS, "fails", "taken back: more requests failed than with the old configuration")          \
    X(SLOW, "slow", "taken back: answers began later than with the old configuration")             \
    X(DIED, "worker-died", "taken back: a worker died while it served requests of the trial")      \
    X(BY_HAND, "rolled-back", "taken back, as somebody said")                                      \
    X(UNPROVEN, "unproven", "taken back: too few requests came to judge it by")                    \
    X(REPLACED, "replaced", "given up for a newer configuration")

enum board_trial_end {
#define X(name, word, text) BOARD_TRIAL_END_##name,
    BOARD_TRIAL_ENDS(X)
#undef X
        BOARD_TRIAL_ENDS_N
};

const char *board_trial_state_word(uint64_t state);
const char *board_trial_end_word(uint64_t end);
const char *board_trial_end_text(uint64_t end);

/* Did it end with the new configuration in use? */
bool board_trial_is_taken(uint64_t end);

/* The trial of that number begins, with counts of its own; what is known of targets it has from
 * `standings` to begin with. The caller tells the workers afterwards. */
void board_trial_begin(struct board_trial *t, const struct board_standing *standings,
                       uint64_t number, uint64_t now_us, uint64_t wall_ms);
void board_trial_ended(struct board_trial *t, enum board_trial_end how, uint64_t now_us,
                       uint64_t wall_ms);

/* Does that trial go on? */
bool board_trial_is_on(const struct board_trial *t, uint64_t number);

#endif
