/*
 * targets.c - see targets.h. The thresholds are those of breakers (health/breaker.h).
 */
#include "ops/targets.h"

#include "record/log.h"

#define FORGET_US ((uint64_t)TARGETS_FORGET_S * 1000000)
#define ROW_BITS  32
#define IN_A_ROW  5 /* failures that need no rate; and fewest attempts that make one */

const char *targets_state_name(enum target_state s)
{
    static const char *const names[TARGET_STATES] = {
        [TARGET_HEALTHY] = "healthy",
        [TARGET_DEGRADED] = "degraded",
        [TARGET_UNKNOWN] = "unknown",
        [TARGET_OPEN] = "open",
        [TARGET_HALF_OPEN] = "half_open",
        [TARGET_LEFT_ALONE] = "left_alone",
        [TARGET_FATED] = "fate",
        [TARGET_SLOW] = "slow",
        [TARGET_SLOW_START] = "slow_start",
    };

    MUST((size_t)s < TARGET_STATES);
    return names[s];
}

static bool is_forgotten(const struct target_row *row, uint64_t now_us)
{
    return now_us - row->last_us >= FORGET_US;
}

/* Its place; rows_n if it has none. */
static size_t find(const struct targets *t, struct span name)
{
    size_t i = 0;

    name.n = MIN(name.n, sizeof(t->rows[0].name) - 1); /* as records cut it */
    while (i < t->rows_n && !span_eq(RECORD_TEXT(t->rows[i].name), name))
        i++;
    return i;
}

/* A row for a new name, or NULL: there is no room. */
static struct target_row *make(struct targets *t, struct span name, uint64_t now_us)
{
    struct target_row *row = NULL;

    if (t->rows_n < TARGETS_MAX)
        row = &t->rows[t->rows_n++];
    for (size_t i = 0; i < t->rows_n && !row; i++)
        if (is_forgotten(&t->rows[i], now_us))
            row = &t->rows[i];
    if (!row)
        return NULL;
    *row = (struct target_row){.last_us = now_us};
    memcpy(row->name, name.p, MIN(name.n, sizeof(row->name) - 1));
    return row;
}

/* Does the outcome say anything about the target, and what? */
static bool judge(const struct record *r, bool *failed)
{
    *failed = r->class_id != CLASS_NONE && r->class_id < CLASSES && class_row(r->class_id)->health;
    return *failed || record_is_complete(r->outcome);
}

void targets_add(struct targets *t, const struct record *r, uint64_t now_us)
{
    struct span name = RECORD_TEXT(r->target);
    struct target_row *row;
    bool failed;
    size_t i;

    if (r->attempts == 0 || name.n == 0)
        return;
    i = find(t, name);
    row = i < t->rows_n ? &t->rows[i] : make(t, name, now_us);
    if (!row)
        return;
    if (is_forgotten(row, now_us))
        row->n = row->failed = 0;
    row->last_us = now_us;
    row->last_resorts += r->last_resort;
    if (!judge(r, &failed))
        return;
    row->failed = row->failed << 1 | failed;
    row->n = MIN(row->n + 1, (uint32_t)ROW_BITS);
}

enum target_state targets_state(const struct targets *t, struct span name, uint64_t now_us)
{
    const uint32_t in_a_row = (1U << IN_A_ROW) - 1;
    size_t i = find(t, name);
    const struct target_row *row = &t->rows[i];

    if (i == t->rows_n || is_forgotten(row, now_us) || row->n == 0)
        return TARGET_UNKNOWN;
    if (row->n < IN_A_ROW)
        return TARGET_HEALTHY;
    if ((row->failed & in_a_row) == in_a_row ||
        5 * (uint32_t)__builtin_popcount(row->failed) > row->n)
        return TARGET_DEGRADED;
    return TARGET_HEALTHY;
}

uint64_t targets_last_resorts(const struct targets *t, struct span name)
{
    size_t i = find(t, name);

    return i < t->rows_n ? t->rows[i].last_resorts : 0;
}

bool targets_next(const struct targets *t, size_t *at, uint64_t now_us, struct span *ret)
{
    while (*at < t->rows_n && is_forgotten(&t->rows[*at], now_us))
        ++*at;
    if (*at == t->rows_n)
        return false;
    *ret = RECORD_TEXT(t->rows[*at].name);
    ++*at;
    return true;
}
