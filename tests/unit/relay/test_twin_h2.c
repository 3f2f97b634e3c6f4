/* Goal: what test_twin.c holds of an upstream that speaks HTTP/1.1 holds of one that speaks HTTP/2,
 * where an end may be of the stream or of the connection, and streams share what they come over.
 * Method: the same gateway on the same virtual network, and an upstream of frames written by hand;
 * every cut, then streams side by side, events of every size, and 200 seeds. */
#include "kinds.h"
#include "twin_h2.h"

#define H2_CONFIG                                                                                  \
    "version: 1\n"                                                                                 \
    "providers:\n"                                                                                 \
    "  up: {type: openai-compatible, http: h2, endpoints: ['http://" H2_UP_ADDR "/v1'],\n"         \
    "    private: true}\n"                                                                         \
    "  an: {type: vllm, http: h2, endpoints: ['http://" H2_UP_ADDR "']}\n"                         \
    "models:\n"                                                                                    \
    "  small: {targets: [up/small]}\n"                                                             \
    "  large: {targets: [an/large]}\n"                                                             \
    "defaults: {timeout: {idle: 3s, first_token: 5m}}\n"

#define CANCEL 8

struct bed {
    struct twin t;
    struct h2_up up;
    struct buf request;
};

static struct bed *bed_open(uint64_t seed, const struct kind *k)
{
    struct bed *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    twin_open(&b->t, seed, H2_CONFIG);
    h2_up_open(&b->up, &b->t);
    buf_init(&b->request, 65536);
    b->up.script = (struct h2_up_script){.body = span_of(k->stream, k->n),
                                         .piece_max = 100,
                                         .gap_max = EV_MS(20),
                                         .cut_at = SIZE_MAX};
    return b;
}

static void bed_close(struct bed *b)
{
    h2_up_close(&b->up);
    twin_close(&b->t);
    buf_fini(&b->request);
    free(b);
}

static void ask(struct bed *b, struct twin_client *c, const struct kind *k, ev_us limit)
{
    twin_ask(&b->t, c, kind_request(&b->request, k->path, k->body), limit);
}

/* It has the upstream's bytes, and an end in order. */
static void check_whole(const struct twin_client *c, struct span due)
{
    struct buf body;
    unsigned status;

    buf_init(&body, (size_t)16 << 20);
    assert_true(twin_parse(buf_span(&c->in), &status, &body));
    assert_int_equal(status, 200);
    assert_int_equal(body.n, due.n);
    assert_memory_equal(body.p, due.p, due.n);
    buf_fini(&body);
}

static void a_stream_arrives_byte_for_byte(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < KINDS; i++) {
        struct bed *b = bed_open(i, &kinds[i]);

        for (unsigned n = 1; n <= 3; n++) {
            struct twin_client c = {0};

            ask(b, &c, &kinds[i], EV_S(5));
            check_whole(&c, b->up.script.body);
            assert_int_equal(b->t.records, n);
            assert_int_equal(b->t.record.outcome, OUTCOME_FULL);
            twin_client_fini(&c);
        }
        assert_int_equal(b->up.accepted, 1);
        bed_close(b);
    }
}

static const char *const ends[] = {
    [H2_UP_END_STREAM] = "END_STREAM",
    [H2_UP_RST_STREAM] = "RST_STREAM",
    [H2_UP_SILENT] = "silence",
    [H2_UP_FIN] = "FIN",
    [H2_UP_RESET] = "RST",
};

static void cut_once(const struct kind *k, size_t cut, enum h2_up_end end)
{
    struct bed *b = bed_open(cut, k);
    struct twin_client c = {0};

    b->up.script.cut_at = cut;
    b->up.script.end = end;
    ask(b, &c, k, EV_S(600));
    /* A reset may overtake bytes: then less than `cut` has come, and that is a cut too. */
    if (end != H2_UP_RESET || cut < kind_complete_at(k))
        kind_check_truth(k, &b->t, &c, cut, ends[end]);
    twin_client_fini(&c);
    bed_close(b);
}

static void no_cut_is_a_completion(void **state)
{
    /* Ends of the stream at every byte; the others find the same state, in other words. */
    static const size_t every[] = {
        [H2_UP_END_STREAM] = 1, [H2_UP_RST_STREAM] = 1, [H2_UP_SILENT] = 16,
        [H2_UP_FIN] = 3,        [H2_UP_RESET] = 3,
    };

    UNUSED(state);
    for (size_t i = 0; i < KINDS; i++)
        for (enum h2_up_end end = H2_UP_END_STREAM; end <= H2_UP_RESET; end++)
            for (size_t cut = 0; cut < kinds[i].n; cut += every[end])
                cut_once(&kinds[i], cut, end);
}

/* Its stream is reset, at once and alone; the others of the connection end whole. */
static void a_client_that_leaves_resets_its_stream(void **state)
{
    const struct kind *k = &kinds[0];
    struct twin_client stays[3] = {0}, leaves = {.leave_after = 600};
    struct bed *b = bed_open(1, k);

    UNUSED(state);
    ask(b, &stays[0], k, EV_S(5)); /* the connection is there */
    b->up.script.gap_max = EV_MS(300);
    ask(b, &stays[1], k, EV_MS(50));
    ask(b, &stays[2], k, EV_MS(50));
    ask(b, &leaves, k, EV_S(60));
    assert_true(leaves.closed);
    assert_int_equal(b->up.resets, 1);
    assert_int_equal(b->up.reset_code, CANCEL);
    assert_in_range(b->up.reset_at, leaves.closed_at, leaves.closed_at + EV_MS(100));
    assert_int_equal(b->up.accepted, 1);
    assert_int_equal(b->t.records, 4);
    for (size_t i = 0; i < ARRAY_LEN(stays); i++) {
        check_whole(&stays[i], b->up.script.body);
        twin_client_fini(&stays[i]);
    }
    twin_client_fini(&leaves);
    bed_close(b);
}

/* Pieces of events, credit that is not told yet and what the call keeps back are never all of the
 * window: a stream whose client reads goes on. */
static void events_of_any_size_go_on(void **state)
{
    static const size_t sizes[] = {40, 900, 3000, 9000, 15000, 16500, 40000};
    struct buf stream;

    UNUSED(state);
    buf_init(&stream, (size_t)2 << 20);
    for (size_t i = 0; i < 3 * ARRAY_LEN(sizes); i++) {
        struct bed *b = bed_open(i, &kinds[0]);
        struct twin_client c = {0};

        buf_reset(&stream);
        while (stream.n < (size_t)1 << 20) {
            buf_add_str(&stream, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
            for (size_t n = 1 + rng_below(&b->t.rng, sizes[i % ARRAY_LEN(sizes)]); n > 0; n--)
                buf_add_char(&stream, 'x');
            buf_add_str(&stream, "\"},\"finish_reason\":null}]}\n\n");
        }
        buf_add_str(&stream, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
                             "\"stop\"}]}\n\ndata: [DONE]\n\n");
        b->up.script.body = buf_span(&stream);
        b->up.script.piece_max = 30000;
        b->up.script.gap_max = 0;
        ask(b, &c, &kinds[0], EV_S(30));
        check_whole(&c, b->up.script.body);
        twin_client_fini(&c);
        bed_close(b);
    }
    buf_fini(&stream);
}

/* ---- seeds ---- */

static void one_seed(uint64_t seed)
{
    const struct kind *k = &kinds[seed % KINDS];
    struct bed *b = bed_open(seed, k);
    struct twin_client c = {0};
    struct rng r;

    rng_init(&r, seed);
    b->up.script.piece_max = 1 + rng_below(&r, 300);
    b->up.script.gap_max = rng_below(&r, EV_MS(400));
    if (rng_below(&r, 3) > 0) {
        b->up.script.cut_at = rng_below(&r, k->n + 1);
        b->up.script.end = (enum h2_up_end)rng_below(&r, ARRAY_LEN(ends));
    }
    if (rng_below(&r, 4) == 0)
        c.leave_after = 1 + rng_below(&r, 1500);
    ask(b, &c, k, EV_S(600));
    if (b->t.records != 1)
        fail_msg("seed %llu: %u records (cut at %zu, end %u, leave after %zu, got %zu)",
                 (unsigned long long)seed, b->t.records, b->up.script.cut_at, b->up.script.end,
                 c.leave_after, c.in.n);
    if (c.in.n < c.leave_after && /* who has left cannot say what came */
        (b->up.script.end != H2_UP_RESET || b->up.script.cut_at < kind_complete_at(k)))
        kind_check_truth(k, &b->t, &c, MIN(b->up.script.cut_at, k->n), ends[b->up.script.end]);
    twin_client_fini(&c);
    bed_close(b);
}

static void two_hundred_seeds(void **state)
{
    const char *text = getenv("LAMPLIGHTER_SEED"); /* of the whole run, which prints it */
    uint64_t first = 0;

    UNUSED(state);
    if (text)
        assert_int_equal(span_u64(span_str(text), &first), 0);
    for (uint64_t seed = first; seed < first + 200; seed++)
        one_seed(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_arrives_byte_for_byte),
        cmocka_unit_test(no_cut_is_a_completion),
        cmocka_unit_test(a_client_that_leaves_resets_its_stream),
        cmocka_unit_test(events_of_any_size_go_on),
        cmocka_unit_test(two_hundred_seeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
