/* Goal: the latest requests are found whole, each with its attempts in order; the oldest fall out
 * by number and by bytes, and never one alone of the index or of the ring; without memory records
 * are missed and counted, and nothing else happens.
 * Method: records made from a number; what is kept is read back and compared with what was put in,
 * at the bounds, past them, and after every failing allocation. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/mem.h"
#include "ops/history.h"
#include "ops/requests.h"

static struct history *make(void)
{
    struct history *h = NULL;
    struct err e;

    assert_int_equal(history_new(&h, HISTORY_BYTES, &e), 0);
    return h;
}

/* Number n; `long_`: with texts as long as they can be. */
static struct record record_of(uint64_t n, bool more, bool long_)
{
    struct record r = {.wall_ms = 1000 + n,
                       .duration_us = 7 * n,
                       .outcome = n % 3 ? OUTCOME_FULL : OUTCOME_FAILED,
                       .op = OP_CHAT,
                       .attempts = 1,
                       .number = 1,
                       .more = more};
    int width = long_ ? 190 : 1;

    snprintf(r.id, sizeof(r.id), "r_%012llu", (unsigned long long)n);
    snprintf(r.model, sizeof(r.model), "model-%llu", (unsigned long long)n % 7);
    snprintf(r.target, sizeof(r.target), "p/target-%llu", (unsigned long long)n % 5);
    snprintf(r.text, sizeof(r.text), "%0*llu", width, (unsigned long long)n);
    snprintf(r.tried, sizeof(r.tried), "%0*llu", width, (unsigned long long)n);
    snprintf(r.skipped, sizeof(r.skipped), "%0*llu", width, (unsigned long long)n);
    return r;
}

static void add(struct history *h, uint64_t n, bool more, bool long_)
{
    struct record r = record_of(n, more, long_);

    history_add(h, &r);
}

static size_t find(const struct history *h, uint64_t n, history_at ret[HISTORY_TRIES])
{
    struct record r = record_of(n, false, false);

    return history_find(h, span_str(r.id), ret);
}

static void assert_same(const struct record *a, const struct record *b)
{
    assert_true(a->wall_ms == b->wall_ms && a->duration_us == b->duration_us);
    assert_true(a->outcome == b->outcome && a->more == b->more && a->attempts == b->attempts);
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->model, b->model);
    assert_string_equal(a->target, b->target);
    assert_string_equal(a->text, b->text);
    assert_string_equal(a->tried, b->tried);
    assert_string_equal(a->skipped, b->skipped);
}

static void assert_kept(const struct history *h, uint64_t n, bool long_)
{
    struct record want = record_of(n, false, long_), got;
    history_at at[HISTORY_TRIES];

    assert_int_equal(find(h, n, at), 1);
    history_read(h, at[0], &got);
    assert_same(&got, &want);
}

static bool is_kept(const struct history *h, uint64_t n)
{
    history_at at[HISTORY_TRIES];

    return find(h, n, at) > 0;
}

static struct history_facts facts_of(const struct history *h)
{
    struct history_facts f;

    history_facts(h, &f);
    return f;
}

/* From the newest to the oldest: each by its number, one less each time. Returns how many. */
static uint64_t walk(const struct history *h, uint64_t newest)
{
    struct record r;
    uint64_t n = 0;
    history_at at;

    for (bool any = history_newest(h, &at); any; any = history_before(h, &at), n++) {
        history_read(h, at, &r);
        assert_int_equal(r.wall_ms, 1000 + newest - n);
    }
    return n;
}

static void every_text_comes_back_whole(void **state)
{
    struct history *h = make();
    struct record r, got;
    history_at at[HISTORY_TRIES];

    UNUSED(state);
    memset(&r, 'x', sizeof(r)); /* nothing ends: all are cut at their arrays' ends */
    memset(&r, 0, offsetof(struct record, id));
    history_add(h, &r);
    assert_int_equal(history_find(h, span_of(r.id, sizeof(r.id) - 1), at), 1);
    history_read(h, at[0], &got);
#define WHOLE(member) assert_int_equal(strlen(got.member), sizeof(got.member) - 1)
    WHOLE(id);
    WHOLE(model);
    WHOLE(target);
    WHOLE(next);
    WHOLE(tried);
    WHOLE(skipped);
    WHOLE(provider);
    WHOLE(server);
    WHOLE(upstream_model);
    WHOLE(key);
    WHOLE(peer);
    WHOLE(dropped);
    WHOLE(approximated);
    WHOLE(text);
#undef WHOLE
    history_free(&h);
}

static void attempts_stand_in_their_order(void **state)
{
    struct history *h = make();
    history_at at[HISTORY_TRIES];
    struct record r;

    UNUSED(state);
    for (unsigned i = 1; i <= 3; i++) {
        r = record_of(1, i < 3, false);
        r.attempts = (uint16_t)i;
        history_add(h, &r);
        add(h, 10 + i, false, false); /* others come between */
    }
    assert_int_equal(find(h, 1, at), 3);
    for (unsigned i = 0; i < 3; i++) {
        history_read(h, at[i], &r);
        assert_int_equal(r.attempts, i + 1);
    }
    assert_int_equal(facts_of(h).requests, 4);
    history_free(&h);
}

static void of_too_many_attempts_the_last_are_found(void **state)
{
    struct history *h = make();
    history_at at[HISTORY_TRIES];
    struct record r;

    UNUSED(state);
    for (unsigned i = 1; i <= HISTORY_TRIES + 1; i++) {
        r = record_of(1, true, false);
        r.attempts = (uint16_t)i;
        history_add(h, &r);
        assert_int_equal(find(h, 1, at), MIN(i, (unsigned)HISTORY_TRIES));
    }
    history_read(h, at[0], &r);
    assert_int_equal(r.attempts, 2);
    history_free(&h);
}

static void the_oldest_fall_out_by_number(void **state)
{
    struct history *h = make();
    struct history_facts f;
    uint64_t n = 0;

    UNUSED(state);
    for (; n < HISTORY_REQUESTS; n++)
        add(h, n, false, false);
    f = facts_of(h);
    assert_true(f.requests == HISTORY_REQUESTS && f.fallen == 0 && f.oldest_ms == 1000);
    assert_true(f.bytes < HISTORY_BYTES);
    print_message("100,000 short requests: %llu KiB\n", (unsigned long long)f.bytes / 1024);
    assert_kept(h, 0, false);
    add(h, n, false, false);
    assert_false(is_kept(h, 0));
    assert_kept(h, 1, false);
    for (n++; n < 3 * (uint64_t)HISTORY_REQUESTS; n++)
        add(h, n, false, false);
    f = facts_of(h);
    assert_true(f.requests == HISTORY_REQUESTS && f.missed == 0);
    assert_int_equal(f.fallen, 2 * HISTORY_REQUESTS);
    assert_int_equal(f.oldest_ms, 1000 + n - HISTORY_REQUESTS);
    assert_int_equal(walk(h, n - 1), HISTORY_REQUESTS);
    for (uint64_t i = 0; i < n; i += 997)
        assert_int_equal(is_kept(h, i), i >= n - HISTORY_REQUESTS);
    history_free(&h);
}

static void the_oldest_fall_out_by_bytes(void **state)
{
    struct history *h = make();
    struct history_facts f;
    uint64_t n = 0;

    UNUSED(state);
    while (facts_of(h).fallen == 0)
        add(h, n++, false, true);
    f = facts_of(h);
    assert_true(f.requests < HISTORY_REQUESTS && f.bytes < HISTORY_BYTES + (4 << 20));
    assert_true(f.requests > 50000);
    assert_int_equal(walk(h, n - 1), f.requests);
    print_message("%llu long requests: %llu KiB\n", (unsigned long long)f.requests,
                  (unsigned long long)f.bytes / 1024);
    for (uint64_t i = 0; i < 200000; i++, n++) /* three times around */
        add(h, n, false, true);
    f = facts_of(h);
    assert_true(f.missed == 0 && f.bytes < HISTORY_BYTES + (4 << 20));
    assert_int_equal(walk(h, n - 1), f.requests);
    assert_int_equal(f.requests + f.fallen, n);
    assert_kept(h, n - f.requests, true);
    assert_false(is_kept(h, n - f.requests - 1));
    assert_kept(h, n - 1, true);
    history_free(&h);
}

/* Their requests' ends were lost, as when the queue to the clerk is full. */
/* Where less memory is granted than it would take. */
static void a_small_one_keeps_what_it_has_room_for(void **state)
{
    struct history *h;
    struct history_facts f;
    struct err e;

    UNUSED(state);
    assert_int_equal(history_new(&h, HISTORY_LEAST, &e), 0);
    for (uint64_t n = 0; n < 20000; n++) /* some times around */
        add(h, n, false, true);
    f = facts_of(h);
    assert_true(f.missed == 0 && f.fallen > 0 && f.requests > 500);
    assert_true(f.bytes < HISTORY_LEAST + (4 << 20));
    assert_int_equal(f.requests + f.fallen, 20000);
    assert_int_equal(walk(h, 19999), f.requests);
    assert_kept(h, 20000 - f.requests, true);
    assert_false(is_kept(h, 20000 - f.requests - 1));
    history_free(&h);
}

static void attempts_without_an_end_fall_out_too(void **state)
{
    struct history *h = make();
    uint64_t n = 0;

    UNUSED(state);
    for (; n < 400000; n++)
        add(h, n, true, false);
    assert_int_equal(facts_of(h).requests, 0);
    assert_int_equal(facts_of(h).missed, 0);
    assert_true(is_kept(h, n - 1) && is_kept(h, n - 100000) && !is_kept(h, 0));
    history_free(&h);
}

static void the_first_attempts_may_have_fallen_out(void **state)
{
    struct history *h = make();
    history_at at[HISTORY_TRIES];
    struct record r;
    struct buf out;

    UNUSED(state);
    add(h, 1, true, false);
    for (uint64_t n = 2; n < HISTORY_REQUESTS + 2; n++)
        add(h, n, false, false);
    assert_int_equal(find(h, 1, at), 1); /* the attempt counts as no request */
    r = record_of(1, false, false);
    snprintf(r.tried, sizeof(r.tried), "p/target=overload");
    history_add(h, &r);
    assert_int_equal(find(h, 1, at), 1); /* ... but had to go with the oldest */
    buf_init(&out, 65536);
    assert_true(requests_write_one(&out, h, span_str(r.id)));
    assert_true(span_contains(buf_span(&out), SPAN_LIT("\"ended\":true,\"cut\":true")));
    buf_fini(&out);
    history_free(&h);
}

static void what_has_not_ended_is_told_so_far(void **state)
{
    struct history *h = make();
    struct requests_query all = {.n = 10};
    struct record r = record_of(1, true, false);
    struct buf out;

    UNUSED(state);
    buf_init(&out, 65536);
    r.tried[0] = '\0';
    history_add(h, &r);
    assert_true(requests_write_one(&out, h, span_str(r.id)));
    assert_true(span_contains(buf_span(&out), SPAN_LIT("\"ended\":false,\"cut\":false")));
    assert_true(span_contains(buf_span(&out), SPAN_LIT("\"event\":\"attempt\",\"number\":1")));
    assert_false(span_contains(buf_span(&out), SPAN_LIT("\"event\":\"end\"")));
    buf_reset(&out);
    requests_write(&out, h, &all); /* it is none of those that have ended */
    assert_true(span_contains(buf_span(&out), SPAN_LIT("{\"requests\":[],\"kept\":0,")));
    buf_fini(&out);
    history_free(&h);
}

/* Two that were under way beside each other are told once each, whichever ended first. */
static void two_attempts_at_once_are_told_once_each(void **state)
{
    static const struct {
        uint16_t first, last;
    } rows[] = {{1, 2}, {2, 1}};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct history *h = make();
        struct record r = record_of(1, true, false);
        char want[64];
        struct buf out;

        r.attempts = 2;
        r.number = rows[i].first;
        history_add(h, &r);
        r.more = false;
        r.number = rows[i].last;
        history_add(h, &r);
        buf_init(&out, 65536);
        assert_true(requests_write_one(&out, h, span_str(r.id)));
        for (unsigned n = 1; n <= 2; n++) {
            struct span rest = buf_span(&out);
            unsigned told = 0;
            size_t at;

            UNUSED(snprintf(want, sizeof(want), "\"event\":\"attempt\",\"number\":%u", n));
            while ((at = span_find(rest, '{')) != SIZE_MAX) {
                rest = span_of(rest.p + at + 1, rest.n - at - 1);
                told += span_starts(rest, span_str(want));
            }
            assert_int_equal(told, 1);
        }
        buf_fini(&out);
        history_free(&h);
    }
}

static void an_attempt_may_fall_out_before_its_end(void **state)
{
    struct history *h = make();
    history_at at[HISTORY_TRIES];
    uint64_t n = 10;

    UNUSED(state);
    add(h, 1, true, false);
    add(h, 2, false, false);
    add(h, 1, false, false);
    for (; facts_of(h).fallen == 0; n++) {
        assert_int_equal(find(h, 1, at), 2);
        add(h, n, false, false);
    }
    assert_int_equal(find(h, 1, at), 1); /* with the one that came next */
    add(h, n, false, false);
    assert_int_equal(find(h, 1, at), 0);
    history_free(&h);
}

static void without_memory_records_are_missed(void **state)
{
    struct history *h = NULL;
    struct err e;

    UNUSED(state);
    mem_torture(1, false);
    assert_int_equal(history_new(&h, HISTORY_BYTES, &e), -1);
    assert_int_equal(e.code, ERR_NOMEM);
    for (size_t at = 1;; at++) {
        bool hit;

        mem_torture(0, false);
        h = make();
        mem_torture(at, false);
        for (uint64_t n = 0; n < 5000; n++)
            add(h, n, false, false);
        hit = mem_torture_hit();
        mem_torture(0, false);
        assert_int_equal(facts_of(h).missed, hit);
        assert_int_equal(facts_of(h).requests, 5000 - hit);
        assert_kept(h, 4999, false);
        history_free(&h);
        if (!hit)
            break;
        assert_true(at < 100);
    }
    h = make();
    add(h, 0, false, false);
    mem_torture(1, true);
    for (uint64_t n = 1; n < 5000; n++)
        add(h, n, false, false);
    mem_torture(0, false);
    assert_true(facts_of(h).missed > 0 && facts_of(h).missed + facts_of(h).requests == 5000);
    assert_kept(h, 0, false);
    history_free(&h);
    assert_null(h);
}

static void an_unknown_one_is_answered_honestly(void **state)
{
    struct history *h = make();
    char text[REQUESTS_TEXT];
    struct buf out;

    UNUSED(state);
    buf_init(&out, 65536);
    assert_false(requests_write_one(&out, h, SPAN_LIT("r_1")));
    assert_int_equal(out.n, 0);
    assert_non_null(strstr(requests_unknown(text, h, 0), "none has ended since 1970-01-01T"));
    for (uint64_t n = 0; n <= HISTORY_REQUESTS + 5; n++) {
        add(h, n, false, false);
        if (n == 0)
            assert_non_null(strstr(requests_unknown(text, h, 0), "among the 1 that have ended"));
    }
    requests_unknown(text, h, 0);
    assert_non_null(
        strstr(text, "the latest 100000, which reach back to 1970-01-01T00:00:01.006Z"));
    assert_non_null(strstr(text, "6 older ones have made room"));
    buf_fini(&out);
    history_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_comes_back_whole),
        cmocka_unit_test(attempts_stand_in_their_order),
        cmocka_unit_test(of_too_many_attempts_the_last_are_found),
        cmocka_unit_test(the_oldest_fall_out_by_number),
        cmocka_unit_test(the_oldest_fall_out_by_bytes),
        cmocka_unit_test(a_small_one_keeps_what_it_has_room_for),
        cmocka_unit_test(attempts_without_an_end_fall_out_too),
        cmocka_unit_test(the_first_attempts_may_have_fallen_out),
        cmocka_unit_test(what_has_not_ended_is_told_so_far),
        cmocka_unit_test(two_attempts_at_once_are_told_once_each),
        cmocka_unit_test(an_attempt_may_fall_out_before_its_end),
        cmocka_unit_test(without_memory_records_are_missed),
        cmocka_unit_test(an_unknown_one_is_answered_honestly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
