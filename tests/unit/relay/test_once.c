/* Goal: requests of one Idempotency-Key are made once: for as long, and as many, as is said; and a
 * reader of an answer neither holds another one up nor takes it along.
 * Method: the store alone at its bounds; the twin, with clients that come, are slow, and leave. */
#include "ups.h"

#include "relay/once.h"

#define PATH "/v1/chat/completions"

/* ---- the store ---- */

struct store {
    struct ev *ev;
    struct blob_pool pool;
    struct once once;
};

static void store_open(struct store *s)
{
    struct err e;

    assert_int_equal(ev_sim_new(&s->ev, 1, &e), 0);
    assert_int_equal(blob_pool_init(&s->pool, 64 * 1024 * 1024, "/var/tmp", &e), 0);
    once_init(&s->once, s->ev);
}

static void store_close(struct store *s)
{
    once_fini(&s->once);
    assert_int_equal(s->pool.bytes, 0);
    blob_pool_fini(&s->pool);
    ev_sim_free(&s->ev);
}

/* An answer of n bytes begins for key k. */
static struct once_entry *begin(struct store *s, uint64_t k, size_t n)
{
    static const char zeros[32 * 1024];
    const uint64_t id[ONCE_ID] = {k, k};
    struct http_stream *writer;
    struct once_entry *en;
    struct tape *tape;
    struct err e;

    assert_int_equal(tape_new(&tape, &writer, s->ev, &s->pool, 2 * ONCE_BYTES, &e), 0);
    en = once_begin(&s->once, id, 7, tape);
    assert_non_null(en);
    for (size_t done = 0; done < n; done += MIN(n - done, sizeof(zeros)))
        assert_int_equal(http_send_body(writer, zeros, MIN(n - done, sizeof(zeros)), &e), 0);
    http_stream_close(&writer, HTTP_CLOSE_DONE);
    return en;
}

static enum once_is find(struct store *s, uint64_t k, uint64_t print)
{
    const uint64_t id[ONCE_ID] = {k, k};
    struct tape *tape;

    return once_find(&s->once, id, print, &tape);
}

static void a_key_is_known_for_its_time(void **state)
{
    struct once_entry *en;
    struct store s;

    UNUSED(state);
    store_open(&s);
    assert_int_equal(find(&s, 1, 7), ONCE_NEW);
    en = begin(&s, 1, 10);
    assert_int_equal(find(&s, 1, 7), ONCE_SAME);
    assert_int_equal(find(&s, 1, 8), ONCE_OTHER);
    assert_int_equal(find(&s, 2, 7), ONCE_NEW);
    once_end(&s.once, &en, EV_S(600), ONCE_BYTES);
    assert_null(en);
    ev_sim_run(s.ev, EV_S(600) - 1);
    assert_int_equal(s.once.n, 1);
    assert_int_equal(find(&s, 1, 7), ONCE_SAME);
    ev_sim_run(s.ev, EV_S(600));
    assert_int_equal(s.once.n, 0); /* nobody had to ask */
    assert_int_equal(find(&s, 1, 7), ONCE_NEW);
    en = begin(&s, 1, 10);
    once_end(&s.once, &en, 0, ONCE_BYTES);
    assert_int_equal(find(&s, 1, 7), ONCE_NEW);
    store_close(&s);
}

static void large_answers_are_not_kept(void **state)
{
    struct once_entry *en;
    struct store s;

    UNUSED(state);
    store_open(&s);
    en = begin(&s, 1, ONCE_BYTES);
    once_end(&s.once, &en, EV_S(600), 4 * ONCE_BYTES);
    en = begin(&s, 2, ONCE_BYTES + 1);
    once_end(&s.once, &en, EV_S(600), 4 * ONCE_BYTES);
    en = begin(&s, 3, 101);
    once_end(&s.once, &en, EV_S(600), 100); /* there is room for so little */
    assert_int_equal(find(&s, 1, 7), ONCE_SAME);
    assert_int_equal(find(&s, 2, 7), ONCE_NEW);
    assert_int_equal(find(&s, 3, 7), ONCE_NEW);
    store_close(&s);
}

static void the_oldest_make_room(void **state)
{
    struct once_entry *en;
    struct store s;

    UNUSED(state);
    store_open(&s);
    for (uint64_t k = 0; k < 5; k++) {
        en = begin(&s, k, 25);
        once_end(&s.once, &en, EV_S(600), 100);
    }
    assert_int_equal(find(&s, 0, 7), ONCE_NEW);
    for (uint64_t k = 1; k < 5; k++)
        assert_int_equal(find(&s, k, 7), ONCE_SAME);
    assert_int_equal(s.once.bytes, 100);
    store_close(&s);
}

static void only_so_many_are_held(void **state)
{
    static struct once_entry *running[ONCE_MOST];
    struct store s;

    UNUSED(state);
    store_open(&s);
    for (uint64_t k = 0; k < ONCE_MOST; k++) {
        assert_int_equal(find(&s, k, 7), ONCE_NEW);
        running[k] = begin(&s, k, 0);
    }
    assert_int_equal(find(&s, ONCE_MOST, 7), ONCE_UNHELD);
    assert_int_equal(find(&s, 0, 7), ONCE_SAME);
    once_end(&s.once, &running[1], EV_S(600), ONCE_BYTES);
    assert_int_equal(find(&s, ONCE_MOST, 7), ONCE_NEW); /* a finished one makes room */
    assert_int_equal(find(&s, 1, 7), ONCE_NEW);
    for (uint64_t k = 0; k < ONCE_MOST; k++)
        once_end(&s.once, &running[k], 0, ONCE_BYTES);
    store_close(&s);
}

/* ---- the twin ---- */

#define PADDED ((size_t)300 * 1000) /* more than networks and windows hold */

static const char *padded(struct buf *b)
{
    buf_init(b, 2 * PADDED);
    buf_add_str(b, ROLE WORD("good"));
    while (b->n < PADDED)
        buf_add_str(b, ": padding padding padding padding\n\n");
    buf_add_str(b, END);
    buf_add_char(b, '\0');
    return b->p;
}

static void ask_keyed(struct twin *t, struct twin_client *c, const char *body, ev_us limit)
{
    struct buf b;

    buf_init(&b, 65536);
    twin_ask(t, c, kind_keyed(&b, PATH, body, "key"), limit);
    buf_fini(&b);
}

/* Answers are kept; behind their time nothing is left. */
static void close_all(struct twin *t)
{
    ups_pass(t, EV_S(601));
    twin_close(t);
}

static bool has_all(const struct twin_client *c, const char *body)
{
    struct buf got;
    unsigned status;
    bool ok;

    buf_init(&got, 4 * PADDED);
    ok = twin_parse(buf_span(&c->in), &status, &got) && status == 200 &&
         span_is(buf_span(&got), body);
    buf_fini(&got);
    return ok;
}

/* A client that does not read: the other one gets all, before it and behind it. */
static void a_slow_reader_holds_nobody_up(void **state)
{
    struct twin_client deaf = {.deaf = true}, other = {0}, late = {0};
    struct buf b;
    const char *body = padded(&b);
    struct up up = {ANSWERS, STREAM_HEAD, body, 0, TWIN_WHOLE};
    struct twin t;

    UNUSED(state);
    twin_open(&t, 1, PLAN(""));
    ups_set(&t, 0, &up);
    ask_keyed(&t, &deaf, STREAM, EV_S(1));
    assert_int_equal(t.up_heads, 1);
    ask_keyed(&t, &other, STREAM, EV_S(10));
    assert_true(has_all(&other, body));
    ask_keyed(&t, &late, STREAM, EV_S(10));
    assert_true(has_all(&late, body));
    assert_false(deaf.closed);
    twin_leave(&deaf, NET_END_RESET);
    ups_pass(&t, EV_S(1));
    assert_int_equal(t.up_requests, 1);
    assert_int_equal(t.records, 3);
    twin_client_fini(&deaf);
    twin_client_fini(&other);
    twin_client_fini(&late);
    close_all(&t);
    buf_fini(&b);
}

/* With all of them deaf the target is not asked for more than they could hold. */
static void the_fastest_reader_sets_the_pace(void **state)
{
    struct twin_client one = {.deaf = true}, two = {.deaf = true};
    struct buf b;
    const char *body = padded(&b);
    struct up up = {ANSWERS, STREAM_HEAD, body, 0, TWIN_WHOLE};
    struct twin t;

    UNUSED(state);
    twin_open(&t, 1, PLAN(""));
    ups_set(&t, 0, &up);
    ask_keyed(&t, &one, STREAM, EV_S(1));
    ask_keyed(&t, &two, STREAM, EV_S(5));
    assert_in_range(t.gateway.relay.blobs.bytes, 1, PADDED / 2);
    twin_leave(&one, NET_END_RESET);
    twin_leave(&two, NET_END_RESET);
    ups_pass(&t, EV_S(1));
    assert_int_equal(t.gateway.relay.stats.live, 0);
    twin_client_fini(&one);
    twin_client_fini(&two);
    close_all(&t);
    buf_fini(&b);
}

/* An answer that breaks off breaks off for each of them, and is not kept. */
static void a_break_is_one_for_all(void **state)
{
    struct up up = {ANSWERS, STREAM_HEAD, GOOD, sizeof(ROLE WORD("good")) - 1, TWIN_FIN};
    struct twin_client one = {0}, again = {0};
    struct twin t;

    UNUSED(state);
    twin_open(&t, 1, PLAN(", continue: off"));
    ups_set(&t, 0, &up);
    ask_keyed(&t, &one, STREAM, EV_S(10));
    assert_false(has_all(&one, GOOD));
    assert_true(one.closed);
    assert_int_equal(t.record.outcome, OUTCOME_FAILED);
    ups_set(&t, 0, &up_good);
    ask_keyed(&t, &again, STREAM, EV_S(10));
    assert_true(has_all(&again, GOOD));
    twin_client_fini(&one);
    twin_client_fini(&again);
    close_all(&t);
}

/* The end of the gateway, with readers at every stage. */
static void a_gateway_ends_with_readers(void **state)
{
    UNUSED(state);
    for (ev_us stage = 0; stage < EV_MS(30); stage += 700) {
        struct twin_client one = {.deaf = true}, two = {0};
        struct buf b;
        const char *body = padded(&b);
        struct up up = {ANSWERS, STREAM_HEAD, body, 0, TWIN_WHOLE};
        struct twin t;

        twin_open(&t, stage + 1, PLAN(""));
        ups_set(&t, 0, &up);
        ask_keyed(&t, &one, STREAM, EV_MS(5));
        ask_keyed(&t, &two, STREAM, stage);
        relay_end_all(&t.gateway.relay, REASON_DRAINING);
        ups_pass(&t, EV_S(1));
        twin_client_fini(&one);
        twin_client_fini(&two);
        close_all(&t);
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_known_for_its_time),
        cmocka_unit_test(large_answers_are_not_kept),
        cmocka_unit_test(the_oldest_make_room),
        cmocka_unit_test(only_so_many_are_held),
        cmocka_unit_test(a_slow_reader_holds_nobody_up),
        cmocka_unit_test(the_fastest_reader_sets_the_pace),
        cmocka_unit_test(a_break_is_one_for_all),
        cmocka_unit_test(a_gateway_ends_with_readers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
