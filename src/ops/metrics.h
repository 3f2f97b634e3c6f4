/*
 * metrics.h - the registry: a bounded set of series, by the rows of metrics.def.
 *
 * A series is one metric with one value for each of its labels. Counters and gauges are one line
 * of /metrics each, a histogram one a bucket and three more; the bound counts lines. Past it the
 * labels that the world chooses become "other" and metrics_dropped() counts; what still is too
 * much becomes "other" in all labels. So nothing is lost from the sums, whoever sends what.
 *
 * Adding never fails: a series for which there is no memory is dropped and counted.
 *
 * Room: ops. Threads: owned by one loop.
 */
#ifndef OPS_METRICS_H
#define OPS_METRICS_H

#include "base/err.h"
#include "base/span.h"
#include "board/board.h"

#define METRICS_LABELS     6   /* most labels of a metric */
#define METRICS_LABEL_MAX  120 /* longest value of a label in bytes; a longer one is cut */
#define METRICS_BOUNDS_MAX 21  /* most buckets, the one without an end not counted */

enum metric {
#define X(id, ...) METRIC_##id,
#include "ops/metrics.def"
#undef X
    METRICS
};

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_row {
    const char *name;
    enum metric_type type;
    const double *bounds; /* ascending upper ends; NULL: no histogram */
    size_t bounds_n;
    const char *labels[METRICS_LABELS]; /* as in metrics.def, '*' included; NULL behind the last */
    const char *help;
};

const struct metric_row *metrics_row(enum metric id);
size_t metrics_labels_n(const struct metric_row *row);

struct metrics;

/* The seed keeps clients from choosing names that collide. */
MUST_CHECK int metrics_new(struct metrics **ret, size_t lines_max, uint64_t seed, struct err *e);
void metrics_free(struct metrics **m);

/* `labels` has as many values as the row has labels; absent is empty. */
void metrics_add(struct metrics *m, enum metric id, const struct span *labels, double by);
void metrics_set(struct metrics *m, enum metric id, const struct span *labels, double to);
void metrics_observe(struct metrics *m, enum metric id, const struct span *labels, double value);

/* Forget all series of one metric (of a state that is read anew). */
void metrics_clear(struct metrics *m, enum metric id);

uint64_t metrics_dropped(const struct metrics *m);
size_t metrics_lines(const struct metrics *m);

/* ---- reading: all series of a metric, in the order in which they appeared ---- */

struct metrics_series {
    struct span labels[METRICS_LABELS];
    double value;           /* counter, gauge; of a histogram the sum of all values */
    const uint64_t *counts; /* histogram: bounds_n + 1 buckets, not cumulative */
};

/* Walk: begin with *at NULL. false: no more. */
bool metrics_next(const struct metrics *m, enum metric id, const void **at,
                  struct metrics_series *ret);

/* The value below which the share q (0 to 1) of the counted values lies, by a straight line
 * within its bucket; past the last bound that bound. Without values 0. */
double metrics_quantile(const double *bounds, size_t bounds_n, const uint64_t *counts, double q);

#endif
