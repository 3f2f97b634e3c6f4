/* Goal: what a request says about its routing reaches no target, and nothing else of its body is
 * lost or moved by that; the request is read as if it had never been there.
 * Method: the twin's upstreams, which say what bytes they got; the object in every place, in every
 * cutting; every allocation failing once. */
#include "ups.h"

#include "base/mem.h"

#define CONFIG_                                                                                    \
    "version: 1\nproviders:\n" UP("a", "9000") UP("b", "9100")                                     \
        UP("c", "9200") "models:\n"                                                                \
                        "  m: {targets: [a/m, b/m], routing: {from_body: true}}\n"                 \
                        "  n: {targets: [a/other, b/other], routing: {from_body: true}}\n"         \
                        "  o: {targets: [a/o, b/o]}\n"
#define R     "\"lamplighter\":{\"order\":[\"b\"]}"
#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static const struct {
    const char *sent, *got;
    size_t up;
} rows[] = {
    {"{\"model\":\"m\"," HELLO "}", "{\"model\":\"m\"," HELLO "}", 0},
    {"{" R ",\"model\":\"m\"," HELLO "}", "{\"model\":\"m\"," HELLO "}", 1},
    {"{\"model\":\"m\"," R "," HELLO "}", "{\"model\":\"m\"," HELLO "}", 1},
    {"{\"model\":\"m\"," HELLO "," R "}", "{\"model\":\"m\"," HELLO "}", 1},
    {"{ \"lamplighter\" : { \"order\" : [ \"b\" ] } , \"model\":\"m\"," HELLO "}",
     "{ \"model\":\"m\"," HELLO "}", 1},
    {"{\"model\":\"m\" ,\n\t\"lamplighter\"\r\n:\n {\"order\":[\"b\"]} ," HELLO "}",
     "{\"model\":\"m\"  ," HELLO "}", 1},
    /* the model is renamed behind it: its place is another one by then */
    {"{" R ",\"model\":\"n\"," HELLO "}", "{\"model\":\"other\"," HELLO "}", 1},
    {"{\"model\":\"n\"," HELLO "," R "}", "{\"model\":\"other\"," HELLO "}", 1},
    /* only the body's own member, and only where the model lets it */
    {"{\"model\":\"m\",\"x\":{" R "}," HELLO "}", "{\"model\":\"m\",\"x\":{" R "}," HELLO "}", 0},
    {"{\"model\":\"o\"," R "," HELLO "}", "{\"model\":\"o\"," R "," HELLO "}", 0},
};

static unsigned ask(struct twin *t, const char *body)
{
    struct ups_got g;
    unsigned status;

    ups_ask(t, &g, body, EV_S(60));
    status = g.status;
    buf_fini(&g.body);
    return status;
}

static void set_all(struct twin *t)
{
    for (size_t k = 0; k < TWIN_UPS; k++)
        ups_set(t, k, &up_good_whole);
}

static void it_is_cut_out_and_nothing_else(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct twin t;

        twin_open(&t, 1 + i, CONFIG_);
        set_all(&t);
        assert_int_equal(ask(&t, rows[i].sent), 200);
        if (t.ups[rows[i].up].requests != 1 || strcmp(t.ups[rows[i].up].body, rows[i].got) != 0)
            fail_msg("row %zu: %s", i, t.ups[rows[i].up].body);
        assert_int_equal(t.up_requests, 1);
        twin_close(&t);
    }
}

/* As much white space as there may be around it, and more. */
static void white_space_has_a_bound(void **state)
{
    UNUSED(state);
    for (size_t n = 100; n <= 400; n += 100)
        for (int place = 0; place < 3; place++) {
            struct buf body;
            struct twin t;

            buf_init(&body, 4096);
            buf_printf(&body,
                       "{%*s\"lamplighter\"%*s:{\"order\":[\"b\"]}%*s,\"model\":\"m\"," HELLO "}",
                       place == 0 ? (int)n : 0, "", place == 1 ? (int)n : 0, "",
                       place == 2 ? (int)n : 0, "");
            buf_add_char(&body, '\0');
            twin_open(&t, n, CONFIG_);
            set_all(&t);
            assert_int_equal(ask(&t, body.p), n < 300 ? 200 : 400);
            assert_int_equal(t.ups[1].requests, n < 300);
            assert_int_equal(t.up_requests, n < 300);
            buf_fini(&body);
            twin_close(&t);
        }
}

/* The largest object, and one byte more. */
static void the_object_has_a_bound(void **state)
{
    UNUSED(state);
    for (size_t n = 16 * 1024; n <= 16 * 1024 + 1; n++) {
        static const char begin[] = "{\"order\":[\"b\"]", end[] = "}";
        struct buf body;
        struct twin t;

        buf_init(&body, 1U << 20);
        buf_printf(&body, "{\"lamplighter\":%s%*s%s,\"model\":\"m\"," HELLO "}", begin,
                   (int)(n - strlen(begin) - strlen(end)), "", end);
        buf_add_char(&body, '\0');
        twin_open(&t, n, CONFIG_);
        set_all(&t);
        assert_int_equal(ask(&t, body.p), n <= 16 * 1024 ? 200 : 400);
        buf_fini(&body);
        twin_close(&t);
    }
}

/* Allocation `at` fails from the moment that the client connects. True: it came to that. */
static bool fails_at(struct twin *t, size_t at, unsigned *ret_status)
{
    struct twin_client c = {0};
    struct buf request, body;
    bool hit;

    buf_init(&request, 65536);
    buf_init(&body, 65536);
    *ret_status = 0;
    twin_ask(t, &c, kind_request(&request, "/v1/chat/completions", rows[6].sent), 0);
    assert_non_null(buf_reserve(&c.in, 65536));
    mem_torture(at, false);
    ev_sim_run(t->ev, ev_now(t->ev) + EV_S(60));
    hit = mem_torture_hit();
    mem_torture(0, false);
    UNUSED(twin_parse(buf_span(&c.in), ret_status, &body));
    twin_client_fini(&c);
    buf_fini(&request);
    buf_fini(&body);
    return hit;
}

static void every_failed_allocation_is_survived(void **state)
{
    bool hit = true;

    UNUSED(state);
    for (size_t at = 1; hit; at++) {
        unsigned status;
        struct twin t;

        twin_open(&t, 1, CONFIG_);
        set_all(&t);
        t.lenient = true;
        hit = fails_at(&t, at, &status);
        if (status == 200 && t.ups[1].requests)
            assert_string_equal(t.ups[1].body, rows[6].got);
        if (status != 200 && status != 0 && status < 500)
            fail_msg("allocation %zu: status %u", at, status);
        twin_close(&t);
        assert_true(at < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_cut_out_and_nothing_else),
        cmocka_unit_test(white_space_has_a_bound),
        cmocka_unit_test(the_object_has_a_bound),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
