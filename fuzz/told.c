/*
 * told.c - what another process says, in records and on the board: it may have lost its mind.
 *
 * The bytes are those of a record, and then of entries on the board. Must hold: the record's line
 * is one line of JSON, its numbers can be counted, and it is kept and told again; whatever stands
 * on the board, its texts end, an entry is dead only if its owner is, and a trial has a verdict.
 */
#include "base/mem.h"
#include "board/granted.h"
#include "board/held.h"
#include "board/kept.h"
#include "board/suspect.h"
#include "codec/json_tree.h"
#include "ops/collect.h"
#include "ops/override.h"
#include "ops/prometheus.h"
#include "ops/recent.h"
#include "ops/requests.h"
#include "ops/targets.h"
#include "ops/trial.h"
#include "ops/unpriced.h"
#include "record/log.h"

#define OUT_MAX ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Take n bytes of the input; zeros where it has ended. */
static void take(void *to, size_t n, const uint8_t **p, size_t *left)
{
    size_t have = MIN(n, *left);

    memset(to, 0, n);
    memcpy(to, *p, have);
    *p += have;
    *left -= have;
}

/* As the kernel hands it over, but that a compiler takes a bool for 0 or 1. */
static void take_record(struct record *r, const uint8_t **p, size_t *left)
{
    unsigned char bits;

    take(r, sizeof(*r), p, left);
    take(&bits, 1, p, left);
    r->stream = bits & 1;
    r->resent = bits & 2;
    r->usage.seen = bits & 4;
    r->more = bits & 8;
    r->configured = bits & 16;
    r->usage.extras = bits & 32;
    r->beside = bits & 64;
    r->last_resort = bits & 128;
}

static void check_line(const struct record *r)
{
    struct json_tree t = {0};
    struct buf out;
    struct err e;

    buf_init(&out, OUT_MAX);
    record_log_line(&out, r);
    MUST(buf_ok(&out) && out.n > 2 && span_find(buf_span(&out), '\n') == out.n - 1);
    MUST(json_tree_read(&t, buf_span(&out), &e) == 0 && yyjson_is_obj(t.root));
    json_tree_fini(&t);
    buf_fini(&out);
}

static void check_json(const struct buf *out)
{
    struct json_tree t = {0};
    struct err e;

    MUST(buf_ok(out) && json_tree_read(&t, buf_span(out), &e) == 0 && yyjson_is_obj(t.root));
    json_tree_fini(&t);
}

/* An attempt and its request, both this record. */
static void check_history(const struct record *r)
{
    struct requests_query all = {.n = 10};
    struct span id = RECORD_TEXT(r->id);
    struct history *h = NULL;
    struct record one = *r;
    struct buf out;
    struct err e;

    MUST(history_new(&h, HISTORY_BYTES, &e) == 0);
    for (int i = 0; i < 2; i++) {
        one.more = i == 0;
        history_add(h, &one);
    }
    buf_init(&out, OUT_MAX);
    requests_write(&out, h, &all);
    check_json(&out);
    buf_reset(&out);
    MUST(requests_write_one(&out, h, span_of(id.p, MIN(id.n, sizeof(r->id) - 1))));
    check_json(&out);
    buf_fini(&out);
    history_free(&h);
}

static void count(const struct record *r)
{
    struct targets *targets = mem_zalloc(1, sizeof(*targets));
    struct unpriced *unpriced = mem_zalloc(1, sizeof(*unpriced));
    struct metrics *m = NULL;
    struct recent *recent = NULL;
    char line[UNPRICED_TEXT];
    struct buf out;
    struct err e;

    MUST(targets && unpriced && metrics_new(&m, 1000, 1, &e) == 0 && recent_new(&recent, &e) == 0);
    buf_init(&out, OUT_MAX);
    collect_record(m, r);
    recent_add(recent, r, 1000);
    targets_add(targets, r, 1000);
    if (unpriced_add(unpriced, r, 1000, line))
        for (const char *c = line; *c; c++)
            MUST((unsigned char)*c >= ' ' && *c != 0x7f);
    prometheus_write(&out, m);
    MUST(buf_ok(&out));
    buf_fini(&out);
    recent_free(&recent);
    metrics_free(&m);
    mem_free(targets);
    mem_free(unpriced);
}

static void check_held(struct board *b, const uint8_t **p, size_t *left)
{
    struct held_request q;
    uint64_t ends;
    uint16_t n = 0;

    take(&b->held[0].owners[0], 3 * sizeof(board_word), p, left);
    take(&b->workers[0].ends, sizeof(board_word), p, left);
    take(&b->held[0].requests[0], 3 * sizeof(struct board_request), p, left);
    ends = held_ends(b, 0);
    for (unsigned i = 0; (n = held_dead(b, 0, ends, n, &q)) != 0; i++) {
        struct record r = {0};

        MUST(i < 3 && n >= 1 && n <= 3);
        MUST(board_get(&b->held[0].owners[n - 1]) - 1 < ends);
        MUST(memchr(q.id, 0, sizeof(q.id)) && memchr(q.model, 0, sizeof(q.model)));
        MUST(memchr(q.target, 0, sizeof(q.target)) && memchr(q.provider, 0, sizeof(q.provider)));
        record_set_result(&r, q.result);
        MUST(r.outcome < OUTCOMES_N && r.reason < REASONS && r.class_id < CLASSES);
        board_put_text(b->held[0].requests[n - 1].id, 3, q.id); /* as its holder does */
        held_told(b, 0, n, q.id);
        MUST(held_dead(b, 0, ends, n - 1, &q) == n && q.told);
        held_forget(b, 0, n);
        MUST(held_dead(b, 0, ends, n - 1, &q) != n);
    }
}

static void check_granted(struct board *b, const uint8_t **p, size_t *left)
{
    struct granted g;
    uint64_t wall;

    take(&wall, sizeof(wall), p, left);
    take(&b->creds[0][0], 2 * sizeof(struct board_cred), p, left);
    board_set(&b->creds[0][0].id, span_hash(SPAN_LIT("p")));
    board_set(&b->creds[0][1].id, span_hash(SPAN_LIT("p")));
    granted_read(b, 1, SPAN_LIT("p"), wall, &g);
    MUST(g.state < GRANTED_STATES && memchr(g.why, 0, sizeof(g.why)));
    MUST(g.until_ms == 0 || g.until_ms > wall);
    MUST((g.state == GRANTED_GOOD || g.state == GRANTED_STALE) <= (g.until_ms != 0));
}

/* What is noted is found, and of another provider's answers nothing is said. */
static void check_kept(struct board *b, const uint8_t **p, size_t *left)
{
    uint64_t answers[6];

    take(answers, sizeof(answers), p, left);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        kept_note(&b->kept, answers[i], (uint32_t)i + 1);
        MUST(kept_by(&b->kept, answers[i]) == i + 1);
    }
    board_set(&b->workers[0].working, answers[0]);
    MUST(suspect_found(b, &b->workers[0], 5) == (answers[0] != 0));
    MUST(answers[0] == 0 || suspect_is(b, answers[0], 5));
}

/* Whatever the counts of a trial are, it is judged in no time, and told in JSON; and so are targets
 * that are out of service. */
static void check_trial(struct board *b, const uint8_t **p, size_t *left)
{
    const struct trial_rules rules = {1000, 2000};
    struct view v = {.board = b, .now_us = 3000};
    struct trial_counts c;
    struct json_write w;
    struct buf out;

    take(&b->trial, offsetof(struct board_trial, standings), p, left);
    take(&b->overrides[0], 2 * sizeof(b->overrides[0]), p, left);
    trial_read(&b->trial, &c);
    MUST(trial_judge(&c, &rules, 3000) <= TRIAL_UNPROVEN && trial_needs(&c) >= TRIAL_REQUESTS);
    MUST(trial_patience_us(&b->trial, true) >= TRIAL_SILENT);
    MUST(trial_power(c.sides[1].judged, c.sides[0].failed, c.slice) > 0);
    MUST(override_of(b, SPAN_LIT("p/a"), SPAN_LIT("p"), 3000) == OVERRIDE_NONE);
    buf_init(&out, OUT_MAX);
    json_write_init(&w, &out);
    json_begin_object(&w);
    trial_write(&w, &v);
    json_key(&w, "overrides");
    override_write(&w, &v);
    json_end_object(&w);
    check_json(&out);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct board *b = NULL;
    struct record r;
    struct err e;

    take_record(&r, &data, &len);
    check_line(&r);
    check_history(&r);
    r.outcome %= OUTCOMES_N; /* what counts records is stricter, and says so (EXPECT) */
    r.pricing %= PRICINGS_N;
    count(&r);
    MUST(board_new(&b, &e) == 0);
    check_held(b, &data, &len);
    check_granted(b, &data, &len);
    check_kept(b, &data, &len);
    check_trial(b, &data, &len);
    board_free(&b);
    return 0;
}
