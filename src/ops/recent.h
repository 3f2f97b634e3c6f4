/*
 * recent.h - what each model came to lately: the table that `lamplighter status` prints.
 *
 * Counts are kept in two blocks of RECENT_BLOCK_S; the current and the one before are read
 * together, so "lately" is 15 to 30 minutes. Beyond RECENT_MODELS names (of the last two blocks)
 * the rest is counted in a row "other"; so are targets beyond RECENT_TARGETS of a model.
 *
 * Room: ops. Pure. Threads: one loop.
 */
#ifndef OPS_RECENT_H
#define OPS_RECENT_H

#include "base/err.h"
#include "ops/metrics.h"
#include "record/record.h"

#define RECENT_BLOCK_S 900
#define RECENT_MODELS  256
#define RECENT_TARGETS 8

struct recent;

struct recent_target {
    struct span name;
    uint64_t requests;
};

struct recent_row {
    struct span model;
    uint64_t requests;             /* all */
    uint64_t good;                 /* of those that count: complete answers */
    uint64_t outcomes[OUTCOMES_N]; /* what each of them came to */
    uint64_t hedged, won; /* of which a second target was asked beside the first; which answered */
    uint64_t counted;     /* all but the client's own errors and departures */
    double first_p50_s, first_p95_s; /* first content of streams; 0: there were none */
    struct recent_target targets[RECENT_TARGETS + 1]; /* that complete answers came from */
    size_t targets_n;
};

MUST_CHECK int recent_new(struct recent **ret, struct err *e);
void recent_free(struct recent **r);

void recent_add(struct recent *r, const struct record *rec, uint64_t now_us);

/* Let blocks go that are over. Called before rows are read. */
void recent_turn(struct recent *r, uint64_t now_us);

/* Row i in order of first appearance; false: no more. Spans live until the next call that is not
 * recent_row(). */
bool recent_row(const struct recent *r, size_t i, struct recent_row *ret);

/* The q-th quantile of what the gateway itself added to requests; 0: there were none. */
double recent_overhead_s(const struct recent *r, double q);

/* Seconds that the counts cover, at least 1. */
uint64_t recent_window_s(const struct recent *r, uint64_t now_us);

#endif
