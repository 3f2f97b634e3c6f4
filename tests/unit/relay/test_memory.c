/* Goal: a gateway that runs out of memory at any place says so, and goes on: no allocation that
 * fails costs more than its own request, nor makes an answer look whole that is not.
 * Method: the twin, of which each allocation fails in turn, from the client's connection on to the
 * end of its request; then the next request is answered as if nothing had been. */
#include "kinds.h"

#include "base/mem.h"

#define ROOM ((size_t)16 * 1024) /* for an answer: what the client reads needs no memory */
#define MOST 2000

#define HEAD(status)                                                                               \
    "HTTP/1.1 " status "\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
#define WHOLE                                                                                      \
    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"model\":\"small\",\"choices\":[{\"index\":0," \
    "\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"finish_reason\":\"stop\"}],"        \
    "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n"
#define REFUSAL "{\"error\":{\"message\":\"slower\",\"type\":\"rate_limit_error\"}}"

/* Clients of other dialects than their target's. */
#define TRANSLATED                                                                                 \
    "{\"model\":\"smart\",\"max_tokens\":5,\"stream\":true,"                                       \
    "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

#define TRANSLATED_WHOLE                                                                           \
    "{\"model\":\"smart\",\"max_tokens\":5,"                                                       \
    "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

static const struct row {
    const char *path, *request;
    const char *head, *answer; /* NULL: the kind's stream */
    unsigned status;
    const char *last; /* without it in its body an answer of that status is not complete */
    const char *key;  /* its Idempotency-Key */
    bool relayed;     /* its body is the target's */
} rows[] = {
    {"/v1/chat/completions", NULL, NULL, NULL, 200, "\"finish_reason\":\"stop\"", .relayed = true},
    {"/v1/messages", TRANSLATED, NULL, NULL, 200, "message_stop", .relayed = false},
    {"/v1/chat/completions", REQUEST("small", ""), HEAD("200 OK"), WHOLE, 200, WHOLE,
     .relayed = true},
    {"/v1/chat/completions", REQUEST("small", ""), HEAD("429 No"), REFUSAL, 429,
     "\"reason\":\"upstream-status\"", .relayed = false},
    {"/v1/messages", TRANSLATED_WHOLE, HEAD("200 OK"), WHOLE, 200, "end_turn", .relayed = false},
    {"/v1/nothing", "{}", NULL, NULL, 404, "no such path", .relayed = false},
    {"/v1/chat/completions", NULL, NULL, NULL, 200, "\"finish_reason\":\"stop\"", "key", true},
};

static struct twin_script script_of(const struct row *row)
{
    struct twin_script s = kind_script(&kinds[0]);

    s.piece_max = 100;
    if (row->head) {
        s.head = span_str(row->head);
        s.body = span_str(row->answer);
    }
    return s;
}

/* Ask; allocation `at` fails from the moment that the client connects. True: it came to that. */
static bool ask(struct twin *t, struct twin_client *c, struct span request, size_t at)
{
    bool hit;

    twin_ask(t, c, request, 0);
    assert_non_null(buf_reserve(&c->in, ROOM));
    mem_torture(at, false);
    ev_sim_run(t->ev, ev_now(t->ev) + EV_S(400));
    hit = mem_torture_hit();
    mem_torture(0, false);
    return hit;
}

/* What the client makes of it: all of the answer, an error, or an end that is none. */
static void is_told(const struct row *row, const struct twin *t, const struct twin_client *c,
                    size_t at)
{
    struct buf body;
    unsigned status;
    bool clean;

    buf_init(&body, ROOM);
    clean = twin_parse(buf_span(&c->in), &status, &body);
    if (!c->closed && !clean)
        fail_msg("%s, allocation %zu: the client waits for ever", row->path, at);
    if (t->records > 1 || (t->records == 0 && c->in.n > 0 && status == row->status))
        fail_msg("%s, allocation %zu: %u records", row->path, at, t->records);
    if (clean && status == row->status && !span_contains(buf_span(&body), span_str(row->last)))
        fail_msg("%s, allocation %zu: not all, and a clean end: %.*s", row->path, at,
                 SPAN_FMT(buf_span(&c->in)));
    if (clean && row->relayed && t->more == 0 && status == row->status &&
        !span_starts(t->ups[0].script.body, buf_span(&body)))
        fail_msg("%s, allocation %zu: not what the target said: %.*s", row->path, at,
                 SPAN_FMT(buf_span(&c->in)));
    if (clean && status != row->status && status < 500)
        fail_msg("%s, allocation %zu: status %u", row->path, at, status);
    buf_fini(&body);
}

static void each_fails(const struct row *row)
{
    struct span request;
    bool hit = true;
    struct buf b;
    size_t at;

    buf_init(&b, ROOM);
    request = kind_keyed(&b, row->path, row->request ? row->request : kinds[0].body, row->key);
    for (at = 1; hit && at < MOST; at++) {
        struct twin_client c = {0};
        struct twin t;

        twin_open(&t, 1, CONFIG);
        t.lenient = true;
        t.ups[0].script = script_of(row);
        hit = ask(&t, &c, request, at);
        is_told(row, &t, &c, at);
        twin_client_fini(&c);
        t.records = 0;
        assert_false(ask(&t, &c, request, 0));
        if (t.records != 1 || !c.in.n || t.record.status != row->status)
            fail_msg("%s, behind allocation %zu: %u records, status %u", row->path, at, t.records,
                     t.record.status);
        twin_client_fini(&c);
        ev_sim_run(t.ev, ev_now(t.ev) + EV_S(601)); /* its answer is kept so long */
        twin_close(&t);
    }
    print_message("%s: %zu allocations\n", row->path, at - 1);
    assert_false(hit);
    buf_fini(&b);
}

static void a_stream_survives(void **state)
{
    UNUSED(state);
    each_fails(&rows[0]);
}

static void a_translated_stream_survives(void **state)
{
    UNUSED(state);
    each_fails(&rows[1]);
}

static void a_whole_answer_survives(void **state)
{
    UNUSED(state);
    each_fails(&rows[2]);
}

static void a_refusal_survives(void **state)
{
    UNUSED(state);
    each_fails(&rows[3]);
}

static void a_translated_answer_survives(void **state)
{
    UNUSED(state);
    each_fails(&rows[4]);
}

static void an_unknown_path_survives(void **state)
{
    UNUSED(state);
    each_fails(&rows[5]);
}

static void a_keyed_stream_survives(void **state)
{
    UNUSED(state);
    each_fails(&rows[6]);
}

/* A gateway that cannot be made leaves nothing behind; one that runs takes settings or keeps on. */
static void a_gateway_is_there_or_not(void **state)
{
    struct relay_sink sink = {0};
    struct twin_client c = {0};
    struct twin t;
    struct buf b;
    bool hit = true;
    size_t at;

    UNUSED(state);
    buf_init(&b, ROOM);
    twin_open(&t, 1, CONFIG);
    t.ups[0].script = kind_script(&kinds[0]);
    for (at = 1; hit; at++) {
        struct gateway g;
        struct err e = {0};
        int rc;

        mem_torture(at, false);
        rc = gateway_init(&g, t.gw_net, t.resolver, t.settings, sink, NULL, &e);
        hit = mem_torture_hit();
        mem_torture(0, false);
        assert_true(hit || rc == 0);
        if (rc == 0) /* a pool that is not there yet is made when it is asked for */
            gateway_fini(&g);
        else
            assert_int_equal(e.code, ERR_NOMEM);
    }
    assert_true(at > 3);
    for (hit = true, at = 1; hit; at++) {
        struct err e;

        mem_torture(at, false);
        if (gateway_settings(&t.gateway, t.settings, &e) < 0)
            assert_int_equal(e.code, ERR_NOMEM);
        hit = mem_torture_hit();
        mem_torture(0, false);
    }
    twin_ask(&t, &c, kind_request(&b, kinds[0].path, kinds[0].body), EV_S(400));
    assert_int_equal(t.record.outcome, OUTCOME_FULL);
    twin_client_fini(&c);
    twin_close(&t);
    buf_fini(&b);
}

/* What the settings do not say themselves is bounded by what the process was given. */
static void room_is_the_least_of_both(void **state)
{
#define MIB (UINT64_C(1024) * 1024)
    static const struct {
        const char *limits;
        struct relay_room most, room;
    } rooms[] = {
        {"{}", {0, 0}, {256 * MIB, 1024 * MIB}},
        {"{}", {10 * MIB, 40 * MIB}, {10 * MIB, 40 * MIB}},
        {"{}", {256 * MIB, 1024 * MIB}, {256 * MIB, 1024 * MIB}},
        {"{}", {256 * MIB - 1, 1024 * MIB - 1}, {256 * MIB - 1, 1024 * MIB - 1}},
        {"{}", {256 * MIB + 1, 1024 * MIB + 1}, {256 * MIB, 1024 * MIB}},
        {"{memory: 256MiB}", {10 * MIB, 40 * MIB}, {256 * MIB, 40 * MIB}},
        {"{translation: 64MiB}", {10 * MIB, 40 * MIB}, {10 * MIB, 64 * MIB}},
        {"{memory: 16MiB, translation: 16MiB}", {99 * MIB, 99 * MIB}, {16 * MIB, 16 * MIB}},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        struct relay_sink sink = {.room = rooms[i].most};
        struct relay_room room;
        struct gateway g;
        struct twin t;
        char text[1024];
        struct err e;

        UNUSED(snprintf(text, sizeof(text), CONFIG "server: {limits: %s}\n", rooms[i].limits));
        twin_open(&t, 1, text);
        assert_int_equal(gateway_init(&g, t.gw_net, t.resolver, t.settings, sink, NULL, &e), 0);
        room = relay_room(sink.room, t.settings);
        assert_true(room.bodies == rooms[i].room.bodies);
        assert_true(room.translation == rooms[i].room.translation);
        assert_true(g.relay.blobs.bytes_max == room.bodies);
        assert_int_equal(gateway_settings(&g, t.settings, &e), 0);
        assert_true(g.relay.blobs.bytes_max == room.bodies);
        gateway_fini(&g);
        twin_close(&t);
    }
}

/* What the process was given bounds a translation, too. */
static void a_translation_has_no_more_room(void **state)
{
    static const struct {
        uint64_t translation;
        unsigned status;
    } rooms[] = {{0, 200}, {1000, 413}};
    struct buf b, body;

    UNUSED(state);
    buf_init(&b, 65536);
    buf_init(&body, 65536);
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        struct twin_client c = {0};
        unsigned status;
        struct twin t;

        twin_open(&t, 1, CONFIG);
        t.gateway.relay.sink.room.translation = rooms[i].translation;
        t.ups[0].script = kind_script(&kinds[0]);
        buf_reset(&b);
        twin_ask(&t, &c, kind_request(&b, "/v1/messages", TRANSLATED), EV_S(5));
        UNUSED(twin_parse(buf_span(&c.in), &status, &body));
        assert_int_equal(status, rooms[i].status);
        twin_client_fini(&c);
        twin_close(&t);
    }
    buf_fini(&b);
    buf_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_is_there_or_not),
        cmocka_unit_test(a_stream_survives),
        cmocka_unit_test(a_translated_stream_survives),
        cmocka_unit_test(a_whole_answer_survives),
        cmocka_unit_test(a_translated_answer_survives),
        cmocka_unit_test(a_refusal_survives),
        cmocka_unit_test(an_unknown_path_survives),
        cmocka_unit_test(a_keyed_stream_survives),
        cmocka_unit_test(room_is_the_least_of_both),
        cmocka_unit_test(a_translation_has_no_more_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
