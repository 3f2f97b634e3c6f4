/* Goal: a new snapshot keeps the pools that it names alike, with their warm connections; every
 * other pool goes, but not before its last stream, and takes its connections along; no count ever
 * falls. Without memory nothing is made and nothing lost.
 * Method: snapshots of text, pools on the virtual network, an origin that counts connections. */
#include "call/world.h"

#include <unistd.h>

#include "base/mem.h"
#include "call/pools.h"
#include "net/certs.h"

#define V     "version: 1\n"
#define ONE   V "providers: {one: {type: vllm, endpoints: \"http://127.0.0.1:9001\"}}\n"
#define OTHER V "providers: {other: {type: vllm, endpoints: \"http://127.0.0.1:9002\"}}\n"
#define BOTH                                                                                       \
    V "providers: {one: {type: vllm, endpoints: \"http://127.0.0.1:9001\"},\n"                     \
      "  other: {type: vllm, endpoints: \"http://127.0.0.1:9002\"}}\n"

struct bed {
    struct world w;
    struct origin one;
    struct call_pools *pools;
};

/* One request, as its caller sees it. */
struct ask {
    struct http_pool *pool;
    struct http_stream *stream;
    unsigned status;
    bool ended, failed;
};

static void on_head(void *arg, const struct http_head *h)
{
    ((struct ask *)arg)->status = h->status;
}

static void on_body(void *arg, const char *p, size_t n)
{
    UNUSED(p);
    http_consumed(((struct ask *)arg)->stream, n);
}

static void on_end(void *arg)
{
    ((struct ask *)arg)->ended = true;
}

static void on_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void on_fail(void *arg, enum http_fail how, const struct err *e)
{
    UNUSED(how);
    UNUSED(e);
    ((struct ask *)arg)->failed = true;
}

static const struct http_stream_cb ask_cb = {on_head, on_body, on_end, on_sent, on_fail};

static void begin(struct bed *b, struct ask *a, const struct settings *s, enum http_pool_want want)
{
    struct http_head h = {
        .method = SPAN_LIT("GET"), .path = SPAN_LIT("/"), .authority = SPAN_LIT("a")};
    struct err e;

    *a = (struct ask){0};
    if (call_pools_get(b->pools, &a->pool, &s->providers[0], &s->providers[0].urls[0], &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(http_pool_request(a->pool, &a->stream, want, NULL, NULL, &e), 0);
    http_stream_bind(a->stream, &ask_cb, a);
    assert_int_equal(http_send_head(a->stream, &h, &e), 0);
    assert_int_equal(http_send_end(a->stream, &e), 0);
}

/* A whole exchange; its connection stays, warm. */
static void ask_for(struct bed *b, const struct settings *s, enum http_pool_want want)
{
    struct ask a;

    begin(b, &a, s, want);
    world_run(&b->w, EV_MS(100));
    assert_true(a.ended && a.status == 200);
    http_stream_close(&a.stream, HTTP_CLOSE_DONE);
}

static void ask(struct bed *b, const struct settings *s)
{
    ask_for(b, s, HTTP_POOL_ANY);
}

static struct http_pool_stats stats(const struct bed *b)
{
    struct http_pool_stats s;

    call_pools_stats(b->pools, &s);
    return s;
}

static int set_up(void **state)
{
    static const char *const env[] = {"AUTH_A=user:a", "AUTH_B=user:b", NULL};
    struct bed *b = calloc(1, sizeof(*b));
    struct err e;

    assert_non_null(b);
    world_open(&b->w, env);
    origin_open(&b->one, &b->w, "127.0.0.1:9001", 200);
    assert_int_equal(call_pools_new(&b->pools, b->w.net, b->w.resolver, &e), 0);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    call_pools_free(&b->pools);
    world_run(&b->w, EV_S(1));
    assert_int_equal(b->one.open, 0);
    origin_close(&b->one);
    world_close(&b->w);
    free(b);
    return 0;
}

static void what_stays_keeps_its_connections(void **state)
{
    struct bed *b = *state;
    struct settings *first = world_settings(&b->w, ONE), *next = world_settings(&b->w, BOTH);

    call_pools_use(b->pools, first);
    ask(b, first);
    call_pools_use(b->pools, next);
    world_run(&b->w, EV_S(5));
    assert_int_equal(b->one.open, 1);
    ask(b, next);
    assert_int_equal(b->one.accepted, 1);
    assert_int_equal(stats(b).reused_total, 1);
    settings_unref(&first);
    settings_unref(&next);
}

static bool nobody(const struct settings_provider *p)
{
    UNUSED(p);
    return false;
}

static bool anybody(const struct settings_provider *p)
{
    return !nobody(p);
}

static void only_what_is_wanted_is_kept(void **state)
{
    struct bed *b = *state;
    struct settings *s = world_settings(&b->w, ONE);

    call_pools_want(b->pools, anybody);
    call_pools_use(b->pools, s);
    ask(b, s);
    call_pools_use(b->pools, s);
    world_run(&b->w, EV_S(5));
    assert_int_equal(b->one.open, 1);
    call_pools_want(b->pools, nobody);
    call_pools_use(b->pools, s);
    world_run(&b->w, EV_S(5));
    assert_int_equal(b->one.open, 0);
    ask(b, s); /* it may still be asked for */
    settings_unref(&s);
}

static void what_goes_closes_its_connections_and_keeps_its_counts(void **state)
{
    struct bed *b = *state;
    struct settings *first = world_settings(&b->w, BOTH), *next = world_settings(&b->w, OTHER);

    call_pools_use(b->pools, first);
    ask(b, first);
    ask(b, first);
    ask_for(b, first, HTTP_POOL_FRESH);
    call_pools_use(b->pools, next);
    world_run(&b->w, EV_MS(10)); /* at once: nobody uses it */
    assert_int_equal(b->one.open, 0);
    assert_int_equal(stats(b).conns_now, 0);
    assert_int_equal(stats(b).dials_total, 2);
    assert_int_equal(stats(b).reused_total, 1);
    assert_int_equal(stats(b).fresh_total, 1);
    call_pools_use(b->pools, first); /* once more, from the start */
    ask(b, first);
    assert_int_equal(stats(b).dials_total, 3);
    assert_int_equal(stats(b).fresh_total, 1);
    settings_unref(&first);
    settings_unref(&next);
}

static void a_stream_is_waited_for(void **state)
{
    struct bed *b = *state;
    struct settings *first = world_settings(&b->w, BOTH), *next = world_settings(&b->w, OTHER);
    struct ask a;

    b->one.status = 0;
    call_pools_use(b->pools, first);
    begin(b, &a, first, HTTP_POOL_ANY);
    world_run(&b->w, EV_MS(100));
    call_pools_use(b->pools, next);
    settings_unref(&first); /* the pool needs nothing of it */
    world_run(&b->w, EV_S(600));
    assert_false(a.ended || a.failed);
    assert_int_equal(b->one.open, 1);
    assert_int_equal(stats(b).conns_now, 1);
    http_stream_close(&a.stream, HTTP_CLOSE_BROKEN);
    world_run(&b->w, EV_MS(1100));
    assert_int_equal(b->one.open, 0);
    assert_int_equal(stats(b).conns_now, 0);
    assert_int_equal(stats(b).dials_total, 1);
    settings_unref(&next);
}

static void a_stale_pool_may_come_back(void **state)
{
    struct bed *b = *state;
    struct settings *first = world_settings(&b->w, ONE), *next = world_settings(&b->w, OTHER);
    struct ask a;

    b->one.status = 0;
    call_pools_use(b->pools, first);
    begin(b, &a, first, HTTP_POOL_ANY);
    call_pools_use(b->pools, next);
    call_pools_use(b->pools, first);
    world_run(&b->w, EV_MS(100));
    http_stream_close(&a.stream, HTTP_CLOSE_BROKEN);
    b->one.status = 200;
    ask(b, first);
    world_run(&b->w, EV_S(5));
    assert_int_equal(b->one.open, 1); /* warm: nothing swept it */
    settings_unref(&first);
    settings_unref(&next);
}

/* A stream of an old snapshot that tries again is served, and leaves nothing behind. */
static void an_old_snapshot_may_still_ask(void **state)
{
    struct bed *b = *state;
    struct settings *first = world_settings(&b->w, ONE), *next = world_settings(&b->w, OTHER);

    call_pools_use(b->pools, first);
    call_pools_use(b->pools, next);
    world_run(&b->w, EV_S(5));
    ask(b, first);
    assert_int_equal(b->one.open, 1);
    world_run(&b->w, EV_MS(1100));
    assert_int_equal(b->one.open, 0);
    settings_unref(&first);
    settings_unref(&next);
}

/* ---- what a pool is known by ---- */

#define AT(rest) V "providers: {one: {type: vllm, endpoints: \"http://127.0.0.1:9001\"" rest "}}\n"
#define PROXY    ", proxy: \"http://127.0.0.1:9009\""

static const struct {
    const char *first, *next;
    bool same;
} pairs[] = {
    {AT(""), AT(""), true},
    {AT(""), AT(", timeout: {total: 1s, idle: 1s}"), true},
    {AT(""), AT(", key: env:AUTH_A"), true}, /* the key goes with the request */
    {AT(""), V "providers: {o: {type: vllm, endpoints: \"http://127.0.0.1:9001\"}}\n", false},
    {AT(""), V "providers: {one: {type: vllm, endpoints: \"http://127.0.0.1:9002\"}}\n", false},
    {AT(""), AT(", timeout: {connect: 1s}"), false},
    {AT(""), AT(", http: auto"), true},
    {AT(""), AT(", http: h1"), false},
    {AT(", http: h1"), AT(", http: h2"), false},
    {AT(", http: h2"), AT(", http: h2"), true},
    {AT(""), AT(PROXY), false},
    {AT(PROXY), AT(""), false},
    {AT(PROXY), AT(PROXY ", no_proxy: [127.0.0.1]"), false},
    {AT(PROXY), AT(PROXY ", no_proxy: [127.0.0.2]"), true},
    {AT(PROXY ", proxy_auth: env:AUTH_A"), AT(PROXY ", proxy_auth: env:AUTH_A"), true},
    {AT(PROXY ", proxy_auth: env:AUTH_A"), AT(PROXY ", proxy_auth: env:AUTH_B"), false},
};

/* The pool is compared while a stream holds the first one, so that its address is not used anew. */
static bool same_pool(struct bed *b, const char *one, const char *two)
{
    struct settings *first = world_settings(&b->w, one), *next = world_settings(&b->w, two);
    struct http_pool *pool;
    struct err e;
    struct ask a;
    bool same;

    call_pools_use(b->pools, first);
    begin(b, &a, first, HTTP_POOL_ANY);
    call_pools_use(b->pools, next);
    assert_int_equal(
        call_pools_get(b->pools, &pool, &next->providers[0], &next->providers[0].urls[0], &e), 0);
    same = pool == a.pool;
    http_stream_close(&a.stream, HTTP_CLOSE_BROKEN);
    settings_unref(&first);
    settings_unref(&next);
    return same;
}

static void a_pool_is_known_by_whom_it_talks_to(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (same_pool(*state, pairs[i].first, pairs[i].next) != pairs[i].same)
            fail_msg("row %zu: %s", i, pairs[i].next);
}

static void write_https(char out[1024], const char *ca, const char *rest)
{
    snprintf(out, 1024,
             V "providers: {one: {type: openai-compatible, endpoints: \"https://127.0.0.1:9001\",\n"
               "  private: true, tls: {ca: %s}%s}}\n",
             ca, rest);
}

static void a_pool_is_known_by_its_authorities(void **state)
{
    char one[1024], again[1024], two[1024];
    struct certs certs;

    certs_make(&certs);
    write_https(one, certs.ca.cert, "");
    write_https(again, certs.ca.cert, ", timeout: {connect: 1s}");
    write_https(two, certs.other_ca.cert, "");
    assert_true(same_pool(*state, one, one));
    assert_false(same_pool(*state, one, again)); /* and yet one TLS context */
    assert_false(same_pool(*state, one, two));
    certs_remove(&certs);
}

static void every_failed_allocation_is_survived(void **state)
{
    struct bed *b = *state;
    struct settings *first = world_settings(&b->w, ONE);
    struct settings *next =
        world_settings(&b->w, AT(PROXY ", proxy_auth: env:AUTH_A, timeout: {connect: 1s}"));
    const struct settings_provider *p = &next->providers[0];
    struct http_pool *pool;
    size_t failed = 0;
    bool hit = true;
    struct err e;

    for (size_t at = 1; hit; at++) {
        struct call_pools *pools = NULL;
        int rc;

        mem_torture(at, false);
        rc = call_pools_new(&pools, b->w.net, b->w.resolver, &e);
        if (rc == 0) {
            call_pools_use(pools, first);
            call_pools_use(pools, next);
            rc = call_pools_get(pools, &pool, p, &p->urls[0], &e);
        }
        hit = mem_torture_hit();
        mem_torture(0, false);
        if (rc < 0) {
            assert_int_equal(e.code, ERR_NOMEM);
            failed++;
        }
        if (pools) /* what could not be made is made when it is asked for again */
            assert_int_equal(call_pools_get(pools, &pool, p, &p->urls[0], &e), 0);
        call_pools_free(&pools);
    }
    assert_true(failed >= 1);
    settings_unref(&first);
    settings_unref(&next);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_stays_keeps_its_connections),
        TEST(only_what_is_wanted_is_kept),
        TEST(what_goes_closes_its_connections_and_keeps_its_counts),
        TEST(a_stream_is_waited_for),
        TEST(a_stale_pool_may_come_back),
        TEST(an_old_snapshot_may_still_ask),
        TEST(a_pool_is_known_by_whom_it_talks_to),
        TEST(a_pool_is_known_by_its_authorities),
        TEST(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
