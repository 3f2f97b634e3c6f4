/*
 * recent.c - see recent.h.
 *
 * A row lives as long as one of its two blocks has a count. Rows are looked up by walking them:
 * there are at most 257, and the clerk has the time.
 */
#include "ops/recent.h"

#include "base/mem.h"
#include "record/log.h"

#define BLOCK_US  ((uint64_t)RECENT_BLOCK_S * 1000000)
#define FIRST_MAX (METRICS_BOUNDS_MAX + 1)

struct counts {
    uint64_t requests, good, counted, hedged, won;
    uint64_t outcomes[OUTCOMES_N];
    uint64_t first[FIRST_MAX];
    uint64_t targets[RECENT_TARGETS + 1]; /* the last one: all others */
};

struct row {
    char model[64];
    char targets[RECENT_TARGETS][96];
    struct counts now, before;
};

struct recent {
    uint64_t began_us; /* when counting began */
    uint64_t block_us; /* when the current block began */
    bool begun;
    struct {
        uint64_t now[FIRST_MAX], before[FIRST_MAX];
    } overhead; /* of all models */
    size_t rows_n;
    struct row rows[RECENT_MODELS + 1]; /* the last one: "other" */
};

int recent_new(struct recent **ret, struct err *e)
{
    struct recent *r = mem_zalloc(1, sizeof(*r));

    if (!r)
        return err_set(e, ERR_NOMEM, "recent counts: no memory");
    *ret = r;
    return 0;
}

void recent_free(struct recent **r)
{
    mem_free(*r);
    *r = NULL;
}

static bool row_is(const struct row *row, struct span model)
{
    return span_eq(RECORD_TEXT(row->model), model);
}

static struct row *row_of(struct recent *r, struct span model)
{
    struct row *row = &r->rows[RECENT_MODELS];

    for (size_t i = 0; i < r->rows_n; i++)
        if (row_is(&r->rows[i], model))
            return &r->rows[i];
    if (r->rows_n < RECENT_MODELS)
        row = &r->rows[r->rows_n++];
    else
        model = SPAN_LIT("other");
    if (row->now.requests + row->before.requests == 0) {
        memset(row, 0, sizeof(*row));
        memcpy(row->model, model.p, MIN(model.n, sizeof(row->model) - 1));
    }
    return row;
}

static size_t target_of(struct row *row, struct span target)
{
    size_t i = 0;

    for (; i < RECENT_TARGETS && row->targets[i][0]; i++)
        if (span_eq(RECORD_TEXT(row->targets[i]), target))
            return i;
    if (i < RECENT_TARGETS)
        memcpy(row->targets[i], target.p, MIN(target.n, sizeof(row->targets[i]) - 1));
    return i;
}

static bool is_good(enum outcome o)
{
    return o == OUTCOME_FULL || o == OUTCOME_EQUIVALENT || o == OUTCOME_JOINED ||
           o == OUTCOME_DEGRADED;
}

/* Count a time in the buckets of a histogram. */
static void add_time(uint64_t counts[FIRST_MAX], enum metric metric, uint64_t us)
{
    const struct metric_row *m = metrics_row(metric);
    size_t i = 0;

    while (i < m->bounds_n && (double)us / 1e6 > m->bounds[i])
        i++;
    counts[i]++;
}

/* Refused for want of room before a target was chosen, of a model that there is. */
static bool is_shed(const struct record *rec)
{
    return rec->outcome == OUTCOME_SHED && rec->configured;
}

void recent_add(struct recent *r, const struct record *rec, uint64_t now_us)
{
    struct span model = RECORD_TEXT(rec->model), target = RECORD_TEXT(rec->target);
    struct row *row;

    recent_turn(r, now_us);
    if (rec->overhead_us)
        add_time(r->overhead.now, METRIC_OVERHEAD, rec->overhead_us);
    if (model.n == 0 || (target.n == 0 && !is_shed(rec)))
        return; /* the name of no model of ours */
    row = row_of(r, model);
    row->now.requests++;
    if (EXPECT(rec->outcome < OUTCOMES_N))
        row->now.outcomes[rec->outcome]++;
    row->now.hedged += rec->hedge != RECORD_HEDGE_NONE;
    row->now.won += rec->hedge == RECORD_HEDGE_WON;
    if (rec->outcome != OUTCOME_CLIENT_ERROR && rec->outcome != OUTCOME_CLIENT_GONE)
        row->now.counted++;
    if (is_good(rec->outcome)) {
        row->now.good++;
        row->now.targets[target_of(row, target)]++;
    }
    if (rec->stream && rec->first_us)
        add_time(row->now.first, METRIC_GEN_AI_FIRST, rec->first_us);
}

/* ---- time ---- */

static void drop_empty_rows(struct recent *r)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->rows_n; i++)
        if (r->rows[i].now.requests + r->rows[i].before.requests)
            r->rows[kept++] = r->rows[i];
    memset(&r->rows[kept], 0, (r->rows_n - kept) * sizeof(r->rows[0]));
    r->rows_n = kept;
}

static void next_block(struct recent *r)
{
    for (size_t i = 0; i < ARRAY_LEN(r->rows); i++) {
        r->rows[i].before = r->rows[i].now;
        r->rows[i].now = (struct counts){0};
    }
    memcpy(r->overhead.before, r->overhead.now, sizeof(r->overhead.before));
    memset(r->overhead.now, 0, sizeof(r->overhead.now));
    r->block_us += BLOCK_US;
    drop_empty_rows(r);
}

void recent_turn(struct recent *r, uint64_t now_us)
{
    if (!r->begun) {
        r->begun = true;
        r->began_us = r->block_us = now_us;
    }
    for (int i = 0; i < 2 && now_us - r->block_us >= BLOCK_US; i++)
        next_block(r);
    r->block_us += (now_us - r->block_us) / BLOCK_US * BLOCK_US;
}

uint64_t recent_window_s(const struct recent *r, uint64_t now_us)
{
    uint64_t since = r->block_us - MIN(r->block_us - r->began_us, BLOCK_US);

    return r->begun ? MAX((now_us - since) / 1000000, (uint64_t)1) : 1;
}

/* ---- reading ---- */

double recent_overhead_s(const struct recent *r, double q)
{
    const struct metric_row *m = metrics_row(METRIC_OVERHEAD);
    uint64_t counts[FIRST_MAX];

    for (size_t i = 0; i < FIRST_MAX; i++)
        counts[i] = r->overhead.now[i] + r->overhead.before[i];
    return metrics_quantile(m->bounds, m->bounds_n, counts, q);
}

static void add_targets(struct recent_row *ret, const struct row *row)
{
    for (size_t i = 0; i <= RECENT_TARGETS; i++) {
        uint64_t n = row->now.targets[i] + row->before.targets[i];

        if (n)
            ret->targets[ret->targets_n++] = (struct recent_target){
                i < RECENT_TARGETS ? RECORD_TEXT(row->targets[i]) : SPAN_LIT("other"), n};
    }
}

bool recent_row(const struct recent *r, size_t i, struct recent_row *ret)
{
    const struct metric_row *m = metrics_row(METRIC_GEN_AI_FIRST);
    const struct row *row = &r->rows[i < r->rows_n ? i : RECENT_MODELS];
    uint64_t first[FIRST_MAX];

    if (i > r->rows_n || row->now.requests + row->before.requests == 0)
        return false;
    for (size_t b = 0; b < FIRST_MAX; b++)
        first[b] = row->now.first[b] + row->before.first[b];
    *ret = (struct recent_row){
        .model = RECORD_TEXT(row->model),
        .requests = row->now.requests + row->before.requests,
        .good = row->now.good + row->before.good,
        .counted = row->now.counted + row->before.counted,
        .hedged = row->now.hedged + row->before.hedged,
        .won = row->now.won + row->before.won,
        .first_p50_s = metrics_quantile(m->bounds, m->bounds_n, first, 0.50),
        .first_p95_s = metrics_quantile(m->bounds, m->bounds_n, first, 0.95),
    };
    for (size_t o = 0; o < OUTCOMES_N; o++)
        ret->outcomes[o] = row->now.outcomes[o] + row->before.outcomes[o];
    add_targets(ret, row);
    return true;
}
