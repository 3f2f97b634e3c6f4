/* Goal: while a request is read, routed, or its answer is read, the row says so by its print, and
 * at no other time; and a request that a worker died of is refused before anything is made of it,
 * with an answer in the client's dialect that asks not to be repeated. Requests of other bytes are
 * not. Method: the twin with a board. The print stands on the row when a record is made; it becomes
 * a suspect as it does when a worker crashes just then. */
#include "kinds.h"

#include "board/suspect.h"

#define LAST_US EV_S(10)

struct bed {
    struct twin t;
    struct board *board;
    struct board_row *row;
};

static int set_up(void **state)
{
    struct bed *b = calloc(1, sizeof(*b));
    struct err e;

    assert_non_null(b);
    twin_open(&b->t, 11, CONFIG);
    assert_int_equal(board_new(&b->board, &e), 0);
    b->row = &b->board->workers[0];
    b->t.gateway.relay.sink.board = b->board;
    b->t.gateway.relay.sink.row = b->row;
    b->t.ups[0].script = kind_script(&kinds[0]);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    twin_close(&b->t);
    board_free(&b->board);
    free(b);
    return 0;
}

/* Ask; the status that came, and the whole answer in *in. */
static unsigned ask(struct bed *b, struct span request, struct buf *in)
{
    struct twin_client c = {0};
    struct buf body;
    unsigned status;

    buf_init(&body, 65536);
    twin_ask(&b->t, &c, request, LAST_US);
    UNUSED(twin_parse(buf_span(&c.in), &status, &body));
    buf_add_span(in, buf_span(&c.in));
    twin_client_fini(&c);
    buf_fini(&body);
    assert_int_equal(board_get(&b->row->working), 0); /* nothing is under way */
    return status;
}

static unsigned post(struct bed *b, const char *path, const char *body)
{
    struct buf request, in;
    unsigned status;

    buf_init(&request, 65536);
    buf_init(&in, 65536);
    status = ask(b, kind_request(&request, path, body), &in);
    buf_fini(&request);
    buf_fini(&in);
    return status;
}

/* What was worked on when the last record was made becomes a suspect. */
static uint64_t crash(struct bed *b)
{
    board_set(&b->row->working, b->t.working);
    assert_true(suspect_found(b->board, b->row, ev_now(b->t.ev)));
    return b->t.working;
}

#define STREAMED REQUEST("small", "\"stream\":true,")

/* Where the record is made inside of what the request itself brings about. */
static const struct {
    const char *name, *body;
    size_t cut_at;
    unsigned status, upstream;
} moments[] = {
    {"while it is read", "{\"model\":", SIZE_MAX, 400, 0},
    {"while a target is looked for", REQUEST("nowhere", ""), SIZE_MAX, 404, 0},
    {"while its answer begins", STREAMED, 20, 502, 1},
    {"while its answer goes on", STREAMED, 500, 200, 1},
};

static void who_crashes_at_work_refuses_it_from_then_on(void **state)
{
    struct bed *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        unsigned before = b->t.up_requests;

        print_message("%s\n", moments[i].name);
        b->t.ups[0].script.cut_at = moments[i].cut_at;
        b->t.ups[0].script.end = TWIN_RESET;
        assert_int_equal(post(b, kinds[0].path, moments[i].body), moments[i].status);
        assert_int_equal(b->t.up_requests, before + moments[i].upstream);
        assert_true(b->t.working != 0);
        crash(b);
        assert_int_equal(post(b, kinds[0].path, moments[i].body), 500);
        assert_int_equal(b->t.record.reason, REASON_CRASHED_BEFORE);
        assert_int_equal(b->t.record.outcome, OUTCOME_FAILED);
        assert_int_equal(b->t.up_requests, before + moments[i].upstream);
        ev_sim_run(b->t.ev, ev_now(b->t.ev) + SUSPECT_US);
        assert_int_equal(post(b, kinds[0].path, moments[i].body), moments[i].status);
    }
}

static void others_are_served(void **state)
{
    struct bed *b = *state;
    uint64_t print;

    assert_int_equal(post(b, kinds[0].path, REQUEST("nowhere", "")), 404);
    print = crash(b);
    assert_int_equal(post(b, kinds[0].path, REQUEST("nowhere", "")), 500);
    assert_int_equal(post(b, kinds[0].path, REQUEST("nowhere", " ")), 404);
    assert_true(b->t.working != 0 && b->t.working != print);
    assert_int_equal(post(b, kinds[1].path, REQUEST("nowhere", "")), 404); /* not what was asked */
    assert_true(b->t.working != 0 && b->t.working != print);
    assert_int_equal(post(b, kinds[0].path, kinds[0].body), 200);
}

/* Its length is not announced, and its bytes come in other pieces: it is the same request. */
static void the_same_bytes_in_chunks_are_the_same_request(void **state)
{
    struct bed *b = *state;
    const char *body = REQUEST("nowhere", "");
    struct buf request, in;

    assert_int_equal(post(b, kinds[0].path, body), 404);
    crash(b);
    buf_init(&request, 65536);
    buf_init(&in, 65536);
    buf_printf(&request,
               "POST %s HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n",
               kinds[0].path);
    for (const char *p = body; *p; p++)
        buf_printf(&request, "1\r\n%c\r\n", *p);
    buf_add_str(&request, "0\r\n\r\n");
    assert_int_equal(ask(b, buf_span(&request), &in), 500);
    assert_non_null(memmem(in.p, in.n, "x-should-retry: false", 21));
    assert_non_null(memmem(in.p, in.n, "x-lamplighter-reason: crashed-before", 36));
    assert_non_null(memmem(in.p, in.n, "\"hint\"", 6));
    buf_fini(&request);
    buf_fini(&in);
}

/* There is nothing to tell one of them from another. */
static void requests_without_a_body_are_never_suspects(void **state)
{
    struct bed *b = *state;
    struct buf in;

    buf_init(&in, 65536);
    assert_int_equal(
        ask(b, SPAN_LIT("GET /v1/models/nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n"), &in), 404);
    assert_true(b->t.working == 0);
    buf_fini(&in);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_crashes_at_work_refuses_it_from_then_on),
        TEST(others_are_served),
        TEST(the_same_bytes_in_chunks_are_the_same_request),
        TEST(requests_without_a_body_are_never_suspects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
