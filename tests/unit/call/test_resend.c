/* Goal: a request that meets the end of a kept connection is sent once more, on a new connection,
 * and only then: whatever the target may have taken is not sent twice without saying so, and no
 * clock is begun anew.
 * Method: a pool and a target that speaks raw bytes, HTTP/1.1 and HTTP/2, on one virtual network.
 * The first exchange makes the connection a kept one; a row says what becomes of the second. */
#include "base/mem.h"
#include "call/call.h"
#include "call/world.h"

#define BODY       ((size_t)100000)
#define LATENCY    100
#define CONNS_MAX  4
#define CONNECT_MS 5000
#define FIRST_MS   60000

#define NO_CONTENT "HTTP/1.1 204 No Content\r\n\r\n"
#define H2_PREFACE 24 /* bytes */
#define SETTINGS   "\0\0\0\x04\0\0\0\0\0"
#define H2_204     "\0\0\x01\x01\x05\0\0\0\x01\x89" /* HEADERS of stream 1 */
#define BYTES(s)   s, sizeof(s) - 1
#define PATCHED    "<patch>" /* for the first three bytes of the body */

enum point { AT_HEAD, AT_BODY };
enum end { STAYS, FIN, RST };

/* What a target does with one request. */
struct act {
    enum point at;
    const char *says;
    size_t says_n;
    enum end end;
    ev_us wait; /* between the point and what it does */
};

/* The target's end of a connection. */
struct peer {
    struct bed *b;
    struct net_conn *c;
    struct buf in;
    struct ev_timer timer;
    const struct act *now;
    unsigned heads, bodies; /* requests whose head, whose whole, has come on it */
};

struct bed {
    struct world w;
    struct net_listener *listener;
    struct http_pool *pool;
    struct blob_pool blobs;
    struct mem_spares spares;
    struct blob *body;
    bool h2;
    struct peer peers[CONNS_MAX];
    unsigned conns;
    const struct act *kept;  /* for the second request of the first connection */
    const struct act *fresh; /* for that of a new one */

    /* the attempt under way */
    struct call *call;
    unsigned heads, dones, fails;
    struct call_failure why;
    bool resent;
    ev_us began, over;
};

/* ---- the target ---- */

static void act_now(struct ev_timer *t)
{
    struct peer *p = CONTAINER_OF(t, struct peer, timer);
    const struct act *a = p->now;
    struct err e;

    p->now = NULL;
    if (a->says && net_conn_write(p->c, a->says, a->says_n, &e) < 0)
        net_conn_close(&p->c, NET_END_RESET);
    if (a->end != STAYS)
        net_conn_close(&p->c, a->end == FIN ? NET_END_FLUSH : NET_END_RESET);
}

static void reach(struct peer *p, enum point at, const struct act *a)
{
    struct err e;

    if (a->at != at || !p->c)
        return;
    p->now = a;
    if (ev_timer_set(&p->timer, a->wait, &e) < 0)
        net_conn_close(&p->c, NET_END_RESET);
}

static const struct act serves[] = {{AT_BODY, BYTES(NO_CONTENT), STAYS, 0},
                                    {AT_BODY, BYTES(SETTINGS H2_204), STAYS, 0}};

static const struct act *act_of(const struct peer *p)
{
    bool first = p == p->b->peers;

    return first && p->heads == 1 ? &serves[p->b->h2] : first ? p->b->kept : p->b->fresh;
}

static void read_h1(struct peer *p)
{
    static const char blank[] = "\r\n\r\n";
    const char *end = memmem(p->in.p, p->in.n, blank, sizeof(blank) - 1);
    size_t head = end ? (size_t)(end - p->in.p) + sizeof(blank) - 1 : 0;

    if (!end)
        return;
    if (p->heads == p->bodies) {
        p->heads++;
        reach(p, AT_HEAD, act_of(p));
    }
    if (p->in.n < head + BODY)
        return;
    assert_int_equal(p->in.n, head + BODY);
    assert_memory_equal(p->in.p + head, PATCHED, sizeof(PATCHED) - 1);
    for (size_t i = head + sizeof(PATCHED) - 1; i < p->in.n; i++)
        assert_int_equal(p->in.p[i], 'b');
    p->bodies++;
    buf_reset(&p->in);
    reach(p, AT_BODY, act_of(p));
}

/* A request without a body is one HEADERS frame. */
static void read_h2(struct peer *p)
{
    const unsigned char *in = (const unsigned char *)p->in.p;
    unsigned heads = 0;

    for (size_t at = H2_PREFACE, n; at + 9 <= p->in.n; at += n) {
        n = 9 + ((size_t)in[at] << 16 | (size_t)in[at + 1] << 8 | in[at + 2]);
        heads += at + n <= p->in.n && in[at + 3] == 1;
    }
    if (heads == p->heads)
        return;
    p->heads = p->bodies = heads;
    reach(p, AT_BODY, act_of(p));
}

static void on_read(void *arg, const char *bytes, size_t n)
{
    struct peer *p = arg;

    buf_add(&p->in, bytes, n);
    assert_true(buf_ok(&p->in));
    if (p->b->h2)
        read_h2(p);
    else
        read_h1(p);
}

static void on_end(void *arg)
{
    struct peer *p = arg;

    net_conn_close(&p->c, NET_END_FLUSH);
}

static void on_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void on_error(void *arg, const struct err *e)
{
    UNUSED(e);
    on_end(arg);
}

static const struct net_conn_cb peer_cb = {on_read, on_end, on_sent, on_error};

static void on_accept(void *arg, struct net_conn *c)
{
    struct bed *b = arg;
    struct peer *p = &b->peers[b->conns];

    assert_true(b->conns++ < CONNS_MAX);
    p->c = c;
    net_conn_listen(c, &peer_cb, p);
    net_conn_read(c, true);
}

/* ---- the attempt ---- */

static void on_head(void *arg, const struct http_head *h, bool events)
{
    struct bed *b = arg;

    assert_int_equal(h->status, 204);
    assert_false(events);
    b->heads++;
}

static void on_body(void *arg, struct span bytes)
{
    UNUSED(arg);
    UNUSED(bytes);
    fail_msg("an answer without a body has one");
}

static void over(struct bed *b)
{
    b->over = ev_now(b->w.ev);
    b->resent = call_resent(b->call);
    call_free(&b->call);
}

static void on_done(void *arg)
{
    struct bed *b = arg;

    b->dones++;
    over(b);
}

static void on_fail(void *arg, const struct call_failure *f)
{
    struct bed *b = arg;

    b->fails++;
    b->why = *f;
    over(b);
}

static const struct call_cb call_cb = {.on_head = on_head,
                                       .on_event = NULL, /* nothing is read of what passes */
                                       .on_body = on_body,
                                       .on_done = on_done,
                                       .on_fail = on_fail};

/* One attempt, and so much time for it. -1: it did not begin. */
static int try(struct bed *b, uint64_t first_ms, ev_us wait)
{
    static const struct blob_patch patch = {0, 3, {BYTES(PATCHED)}};
    const struct settings_url url = {.host = SPAN_LIT("10.0.0.1"), .port = 8080};
    const struct settings_provider provider = {.type = provider_find(SPAN_LIT("vllm"))};
    struct call_conf conf = {
        .ev = b->w.ev,
        .spares = &b->spares,
        .pool = b->pool,
        .provider = &provider,
        .url = &url,
        .method = b->h2 ? SPAN_LIT("GET") : SPAN_LIT("POST"),
        .path = SPAN_LIT("/v1/x"),
        .body = b->h2 ? NULL : b->body,
        .patches = &patch,
        .patches_n = 1,
        .timeout = {CONNECT_MS, first_ms, 120000, 600000, false},
    };
    struct err e;
    int rc;

    b->heads = b->dones = b->fails = 0;
    b->resent = false;
    b->began = ev_now(b->w.ev);
    rc = call_start(&b->call, &conf, &call_cb, b, &e);
    if (rc == 0)
        world_run(&b->w, wait);
    return rc;
}

/* ---- the bed ---- */

static void fill_body(struct bed *b)
{
    char bytes[1000];
    struct err e;
    size_t n = BODY - sizeof(PATCHED) + 1 + 3; /* what is patched makes it BODY */

    memset(bytes, 'b', sizeof(bytes));
    assert_int_equal(blob_pool_init(&b->blobs, 1 << 20, NULL, &e), 0);
    assert_int_equal(blob_new(&b->body, &b->blobs, BODY, &e), 0);
    while (blob_len(b->body) < n)
        assert_int_equal(
            blob_add(b->body, bytes, MIN(sizeof(bytes), (size_t)(n - blob_len(b->body))), &e), 0);
}

/* With one kept connection. */
static void open_bed(struct bed *b, bool h2, uint32_t most)
{
    static const char *const no_env[] = {NULL};
    struct net_listen_conf lc = {.fd = -1};
    struct http_pool_conf pc = {
        .dial = {.host = "10.0.0.1", .port = 8080, .allow_private = true, .connect_ms = 600000},
        .limits = http_limits_default,
        .idle_ms = 60000,
        .age_ms = 300000,
        .idle_most = 8,
        .conns_most = most,
        .h2_only = h2,
    };
    struct err e;

    *b = (struct bed){.h2 = h2};
    fill_body(b);
    world_open(&b->w, no_env);
    net_sim_conf(b->w.sim)->latency_min = net_sim_conf(b->w.sim)->latency_max = LATENCY;
    assert_int_equal(net_addr_parse(&lc.addr, SPAN_LIT("10.0.0.1:8080"), &e), 0);
    assert_int_equal(net_listen(&b->listener, b->w.origin, &lc, on_accept, b, &e), 0);
    pc.resolver = b->w.resolver;
    assert_int_equal(http_pool_new(&b->pool, b->w.net, &pc, &e), 0);
    for (size_t i = 0; i < CONNS_MAX; i++) {
        b->peers[i].b = b;
        buf_init(&b->peers[i].in, 2 * BODY);
        assert_true(buf_reserve(&b->peers[i].in, 2 * BODY)); /* nothing is short of memory there */
        ev_timer_init(&b->peers[i].timer, b->w.ev, act_now);
    }
    assert_int_equal(try(b, FIRST_MS, EV_S(1)), 0);
    assert_true(b->dones == 1 && !b->resent);
    assert_int_equal(http_pool_stats(b->pool)->idle_now, 1);
    b->fresh = &serves[h2];
}

static void close_bed(struct bed *b)
{
    http_pool_free(&b->pool);
    for (size_t i = 0; i < CONNS_MAX; i++) {
        net_conn_close(&b->peers[i].c, NET_END_RESET);
        ev_timer_stop(&b->peers[i].timer);
        buf_fini(&b->peers[i].in);
    }
    net_listener_close(&b->listener);
    world_close(&b->w);
    blob_unref(&b->body);
    blob_pool_fini(&b->blobs);
    mem_spares_fini(&b->spares);
}

/* ---- which ends are met by a second copy ---- */

/* The second exchange is on stream 3. */
#define REFUSED  "\0\0\x04\x03\0\0\0\0\x03\0\0\0\x07"
#define INTERNAL "\0\0\x04\x03\0\0\0\0\x03\0\0\0\x02"
#define GOAWAY_1 "\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0" /* it was not taken */
#define GOAWAY_3 "\0\0\x08\x07\0\0\0\0\0\0\0\0\x03\0\0\0\0"
#define WINDOW   "\0\0\x04\x08\0\0\0\0\x03\0\0\0\x09"
#define HALF     "\0\0\x01\x01\x05\0\0\0\x03"

static const struct {
    const char *name;
    bool h2;
    struct act kept;
    bool resent;
    enum class_id class_id; /* where it is not */
} rows[] = {
    {"FIN at the head", false, {AT_HEAD, NULL, 0, FIN, 0}, true, 0},
    {"RST at the head", false, {AT_HEAD, NULL, 0, RST, 0}, true, 0},
    {"FIN at the end", false, {AT_BODY, NULL, 0, FIN, 0}, true, 0},
    {"RST at the end", false, {AT_BODY, NULL, 0, RST, 0}, true, 0},
    {"a byte, FIN", false, {AT_BODY, BYTES("H"), FIN, 0}, false, CLASS_MAYBE_EXECUTED},
    {"100, FIN",
     false,
     {AT_HEAD, BYTES("HTTP/1.1 100 C\r\n\r\n"), FIN, 0},
     false,
     CLASS_MAYBE_EXECUTED},
    {"no HTTP", false, {AT_BODY, BYTES("<html>"), STAYS, 0}, false, CLASS_JUNK},
    {"a second", false, {AT_HEAD, NULL, 0, FIN, EV_MS(CALL_RESEND_MS) - 2 * LATENCY}, true, 0},
    {"past a second",
     false,
     {AT_HEAD, NULL, 0, FIN, EV_MS(CALL_RESEND_MS) - 2 * LATENCY + 1},
     false,
     CLASS_MAYBE_EXECUTED},
    {"h2 FIN", true, {AT_BODY, NULL, 0, FIN, 0}, true, 0},
    {"h2 RST", true, {AT_BODY, NULL, 0, RST, 0}, true, 0},
    {"h2 REFUSED_STREAM", true, {AT_BODY, BYTES(REFUSED), STAYS, 0}, true, 0},
    {"h2 REFUSED_STREAM, late", true, {AT_BODY, BYTES(REFUSED), STAYS, EV_S(30)}, true, 0},
    {"h2 GOAWAY without it", true, {AT_BODY, BYTES(GOAWAY_1), STAYS, 0}, true, 0},
    {"h2 GOAWAY without it, FIN", true, {AT_BODY, BYTES(GOAWAY_1), FIN, 0}, true, 0},
    {"h2 GOAWAY with it, FIN",
     true,
     {AT_BODY, BYTES(GOAWAY_3), FIN, 0},
     false,
     CLASS_MAYBE_EXECUTED},
    {"h2 INTERNAL_ERROR", true, {AT_BODY, BYTES(INTERNAL), STAYS, 0}, false, CLASS_MAYBE_EXECUTED},
    {"h2 a window for it, FIN",
     true,
     {AT_BODY, BYTES(WINDOW), FIN, 0},
     false,
     CLASS_MAYBE_EXECUTED},
    {"h2 half a frame, FIN", true, {AT_BODY, BYTES(HALF), FIN, 0}, false, CLASS_MAYBE_EXECUTED},
    {"h2 past a second",
     true,
     {AT_BODY, NULL, 0, FIN, EV_MS(CALL_RESEND_MS) - 2 * LATENCY + 1},
     false,
     CLASS_MAYBE_EXECUTED},
};

static void ends_of_a_kept_connection(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bed b;

        open_bed(&b, rows[i].h2, 2);
        b.kept = &rows[i].kept;
        assert_int_equal(try(&b, FIRST_MS, EV_S(55)), 0);
        if (b.dones != rows[i].resent || b.fails == rows[i].resent || b.resent != rows[i].resent)
            fail_msg("%s: dones %u, fails %u, resent %d: %s", rows[i].name, b.dones, b.fails,
                     b.resent, b.why.text);
        if (b.fails && b.why.class_id != rows[i].class_id)
            fail_msg("%s: class %u: %s", rows[i].name, b.why.class_id, b.why.text);
        assert_int_equal(b.peers[0].heads, 2);
        assert_int_equal(b.conns, 1 + rows[i].resent);
        assert_int_equal(b.peers[1].bodies, rows[i].resent); /* and the body is the same */
        assert_int_equal(http_pool_stats(b.pool)->fresh_total, rows[i].resent);
        close_bed(&b);
    }
}

/* ---- the second copy ---- */

static const struct act at_once[] = {{AT_BODY, NULL, 0, FIN, 0},
                                     {AT_BODY, BYTES(REFUSED), STAYS, 0}};

static const struct {
    const char *name;
    bool h2; /* refused by the target: it was certainly not executed */
    struct act fresh;
    double refuse_p, silent_p;
    uint64_t first_ms;
    enum reason reason;
    enum class_id class_id;
    ev_us least, most; /* time until it is told */
} cases[] = {
    {"FIN",
     false,
     {AT_BODY, NULL, 0, FIN, 0},
     0,
     0,
     FIRST_MS,
     REASON_RESET,
     CLASS_MAYBE_EXECUTED,
     0,
     EV_MS(10)},
    {"RST",
     false,
     {AT_HEAD, NULL, 0, RST, 0},
     0,
     0,
     FIRST_MS,
     REASON_RESET,
     CLASS_MAYBE_EXECUTED,
     0,
     EV_MS(10)},
    {"h2 REFUSED_STREAM",
     true,
     {AT_BODY, BYTES(SETTINGS "\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07"), STAYS, 0},
     0,
     0,
     FIRST_MS,
     REASON_RESET,
     CLASS_NEVER_EXECUTED,
     0,
     EV_MS(10)},
    {"no connection",
     false,
     {0},
     1,
     0,
     FIRST_MS,
     REASON_CONNECT,
     CLASS_MAYBE_EXECUTED,
     0,
     EV_MS(10)},
    {"h2 no connection",
     true,
     {0},
     1,
     0,
     FIRST_MS,
     REASON_CONNECT,
     CLASS_NEVER_EXECUTED,
     0,
     EV_MS(10)},
    {"a connect that hangs",
     false,
     {0},
     0,
     1,
     FIRST_MS,
     REASON_TIMEOUT_CONNECT,
     CLASS_MAYBE_EXECUTED,
     EV_MS(CONNECT_MS),
     EV_MS(CONNECT_MS + 10)},
    {"the same, the first token is due before",
     false,
     {0},
     0,
     1,
     2000,
     REASON_TIMEOUT_FIRST,
     CLASS_MAYBE_EXECUTED,
     EV_S(2),
     EV_S(2)},
    {"silence",
     false,
     {AT_BODY, NULL, 0, STAYS, 0},
     0,
     0,
     2000,
     REASON_TIMEOUT_FIRST,
     CLASS_MAYBE_EXECUTED,
     EV_S(2),
     EV_S(2)},
};

/* At most one: what becomes of it is what is told, also when it could not even be sent. */
static void the_second_failure_is_told(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bed b;
        ev_us took;

        open_bed(&b, cases[i].h2, 2);
        b.kept = &at_once[cases[i].h2];
        b.fresh = &cases[i].fresh;
        net_sim_conf(b.w.sim)->refuse_p = cases[i].refuse_p;
        net_sim_conf(b.w.sim)->silent_p = cases[i].silent_p;
        assert_int_equal(try(&b, cases[i].first_ms, EV_S(55)), 0);
        took = b.over - b.began;
        if (b.fails != 1 || b.dones || !b.resent || b.why.reason != cases[i].reason ||
            b.why.class_id != cases[i].class_id || took < cases[i].least || took > cases[i].most)
            fail_msg("%s: fails %u, resent %d, reason %s, class %u, after %llu us: %s",
                     cases[i].name, b.fails, b.resent, reason_word(b.why.reason), b.why.class_id,
                     (unsigned long long)took, b.why.text);
        assert_true(b.conns <= 2);
        assert_int_equal(http_pool_stats(b.pool)->fresh_total, 1);
        close_bed(&b);
    }
}

/* When all connections that may be are there, the end of the first copy is told. */
static void no_room_for_a_second_copy(void **state)
{
    struct bed b;

    UNUSED(state);
    open_bed(&b, true, 1);
    b.kept = &at_once[1];
    assert_int_equal(try(&b, FIRST_MS, EV_S(1)), 0);
    assert_true(b.fails == 1 && !b.resent);
    assert_int_equal(b.why.class_id, CLASS_NEVER_EXECUTED);
    assert_int_equal(b.why.reason, REASON_RESET);
    assert_int_equal(http_pool_stats(b.pool)->fresh_total, 0);
    close_bed(&b);
}

/* A connection that has not served before is no kept one. */
static void the_first_exchange_is_never_repeated(void **state)
{
    UNUSED(state);
    for (int h2 = 0; h2 < 2; h2++) {
        struct bed b;

        open_bed(&b, h2, 2);
        world_run(&b.w, EV_S(100)); /* what was kept is closed by now */
        assert_int_equal(http_pool_stats(b.pool)->conns_now, 0);
        b.fresh = &(struct act){AT_BODY, NULL, 0, FIN, 0};
        assert_int_equal(try(&b, FIRST_MS, EV_S(55)), 0);
        assert_true(b.fails == 1 && !b.resent);
        assert_int_equal(b.why.class_id, CLASS_MAYBE_EXECUTED);
        assert_int_equal(b.conns, 2);
        close_bed(&b);
    }
}

/* Each allocation on the way of the second copy fails once: one end is told, nothing leaks. */
static void no_memory_is_survived(void **state)
{
    UNUSED(state);
    for (int h2 = 0; h2 < 2; h2++) {
        bool hit = true;
        size_t at;

        for (at = 1; hit; at++) {
            struct bed b;
            bool begun;

            open_bed(&b, h2, 2);
            b.kept = &at_once[0];
            mem_torture(at, false);
            begun = try(&b, FIRST_MS, EV_S(55)) == 0;
            hit = mem_torture_hit();
            mem_torture(0, false);
            if (begun)
                assert_int_equal(b.dones + b.fails, 1);
            close_bed(&b);
        }
        print_message("%zu allocations, each failed once\n", at - 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_of_a_kept_connection),
        cmocka_unit_test(the_second_failure_is_told),
        cmocka_unit_test(no_room_for_a_second_copy),
        cmocka_unit_test(the_first_exchange_is_never_repeated),
        cmocka_unit_test(no_memory_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
