/* Goal: a credential is fetched once however many wait for it, renewed before it ends while it is
 * in use, kept while its renewal fails and no longer than it lives; what cannot be had is said at
 * once, and asked for with back-off; a reload keeps what is the same; people see how things are.
 * Method: a store and a metadata server on one virtual network, at the address that no provider may
 * have. The server numbers its tokens; a test says what it does, lets time pass and asks. */
#include "base/mem.h"
#include "board/granted.h"
#include "call/world.h"
#include "cred/cred.h"

#define SERVER "169.254.169.254:80"
#define VERTEX                                                                                     \
    "version: 1\nproviders: {v: {type: vertex, region: r1, project: p1}, b: {type: bedrock, "      \
    "region: r1, credentials: {kind: static, id: env:ID, secret: env:SECRET}}}\n"
#define OTHER  "version: 1\nproviders: {w: {type: vertex, region: r1, project: p1}}\n"
#define SAME   VERTEX "x-note: another text\n"
#define ASKERS 5
#define PEERS  256
#define SLACK  EV_MS(100) /* more than connecting and answering takes */
#define BODY   ((size_t)64 * 1024)

static const char *const vars[] = {"GCE_METADATA_HOST=169.254.169.254", "ID=AKID1", "SECRET=sec1",
                                   NULL};

struct bed;

struct peer {
    struct bed *b;
    struct net_conn *c;
    char in[1024];
    size_t n;
};

struct asker {
    struct cred_wait wait;
    enum cred_answer answer;
    unsigned told;
    struct cred *cred;
    struct err why;
};

struct bed {
    struct world w;
    struct net_listener *listener;
    struct peer peers[PEERS];
    size_t peers_n;
    unsigned requests;
    unsigned status; /* 0: it says nothing */
    unsigned lifetime;
    size_t body; /* bytes of an answer, at least */
    struct call_pools *pools;
    struct cred_store *store;
    struct board *board;
    struct board_cred *shown;
    struct settings *settings;
    struct asker askers[ASKERS];
};

/* ---- the server ---- */

static void on_read(void *arg, const char *p, size_t n)
{
    static const char want[] = "GET /computeMetadata/v1/instance/service-accounts/default/token ";
    static const char gone[] = "HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n";
    struct peer *peer = arg;
    struct bed *b = peer->b;
    struct buf body, text;
    struct span in;
    struct err e;

    assert_true(n < sizeof(peer->in) - peer->n);
    memcpy(peer->in + peer->n, p, n);
    peer->n += n;
    in = span_of(peer->in, peer->n);
    if (!span_ends(in, SPAN_LIT("\r\n\r\n")))
        return;
    if (!span_starts(in, span_str(want))) { /* of another cloud */
        peer->n = 0;
        assert_int_equal(net_conn_write(peer->c, gone, sizeof(gone) - 1, &e), 0);
        return;
    }
    assert_true(span_contains(in, SPAN_LIT("\r\nmetadata-flavor: Google\r\n")));
    peer->n = 0;
    b->requests++;
    if (b->status == 0)
        return;
    buf_init(&body, 1 << 20);
    buf_init(&text, 1 << 20);
    buf_printf(&body, "{\"access_token\":\"t%u\",\"expires_in\":%u}", b->requests, b->lifetime);
    while (body.n < b->body)
        buf_add_char(&body, ' ');
    buf_printf(&text, "HTTP/1.1 %u X\r\ncontent-length: %zu\r\n\r\n", b->status, body.n);
    buf_add_span(&text, buf_span(&body));
    assert_true(buf_ok(&text));
    assert_int_equal(net_conn_write(peer->c, text.p, text.n, &e), 0);
    buf_fini(&body);
    buf_fini(&text);
}

static void on_eof(void *arg)
{
    struct peer *peer = arg;

    net_conn_close(&peer->c, NET_END_FLUSH);
}

static void on_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void on_error(void *arg, const struct err *e)
{
    UNUSED(e);
    on_eof(arg);
}

static const struct net_conn_cb peer_cb = {on_read, on_eof, on_sent, on_error};

static void on_accept(void *arg, struct net_conn *c)
{
    struct bed *b = arg;
    struct peer *p = &b->peers[b->peers_n++];

    assert_true(b->peers_n < PEERS);
    *p = (struct peer){.b = b, .c = c};
    net_conn_listen(c, &peer_cb, p);
    net_conn_read(c, true);
}

/* ---- who asks ---- */

static void on_told(struct cred_wait *w, struct cred *c, const struct err *e)
{
    struct asker *a = CONTAINER_OF(w, struct asker, wait);

    a->told++;
    a->cred = c;
    if (!c)
        a->why = *e;
}

static void ask(struct bed *b, struct asker *a, const char *provider)
{
    const struct settings *s = b->settings;
    size_t i = 0;

    while (!span_is(s->providers[i].name, provider))
        i++;
    cred_unref(&a->cred);
    *a = (struct asker){0};
    cred_wait_init(&a->wait, on_told);
    a->answer = cred_get(b->store, b->settings, &s->providers[i], &a->cred, &a->wait, &a->why);
    assert_int_equal(a->answer == CRED_READY, a->cred != NULL);
}

static struct asker *one(struct bed *b)
{
    ask(b, &b->askers[0], "v");
    return &b->askers[0];
}

static bool has(const struct asker *a, unsigned number)
{
    char want[16];

    snprintf(want, sizeof(want), "t%u", number);
    return a->cred && span_is(a->cred->grant.token, want);
}

/* ---- the bed ---- */

static void use(struct bed *b, const char *text)
{
    struct settings *old = b->settings;

    b->settings = world_settings(&b->w, text);
    call_pools_use(b->pools, b->settings);
    cred_store_use(b->store, b->settings);
    settings_unref(&old);
}

static int open_bed(void **state)
{
    struct net_listen_conf lc = {.fd = -1};
    struct bed *b = mem_zalloc(1, sizeof(*b));
    struct err e;

    assert_non_null(b);
    world_open(&b->w, vars);
    b->status = 200;
    b->lifetime = 3600;
    for (size_t i = 0; i < ASKERS; i++)
        cred_wait_init(&b->askers[i].wait, on_told);
    assert_int_equal(net_addr_parse(&lc.addr, SPAN_LIT(SERVER), &e), 0);
    assert_int_equal(net_listen(&b->listener, b->w.origin, &lc, on_accept, b, &e), 0);
    assert_int_equal(call_pools_new(&b->pools, b->w.net, b->w.resolver, &e), 0);
    assert_int_equal(board_new(&b->board, &e), 0);
    b->shown = b->board->creds[0];
    assert_int_equal(cred_store_new(&b->store, b->w.ev, b->pools, b->shown, &e), 0);
    use(b, VERTEX);
    *state = b;
    return 0;
}

static int close_bed(void **state)
{
    struct bed *b = *state;

    for (size_t i = 0; i < ASKERS; i++) {
        cred_wait_cancel(&b->askers[i].wait);
        cred_unref(&b->askers[i].cred);
    }
    cred_store_free(&b->store);
    world_run(&b->w, SLACK);
    settings_unref(&b->settings);
    call_pools_free(&b->pools);
    for (size_t i = 0; i < b->peers_n; i++)
        net_conn_close(&b->peers[i].c, NET_END_RESET);
    net_listener_close(&b->listener);
    world_close(&b->w);
    board_free(&b->board);
    mem_free(b);
    return 0;
}

/* ---- what people see ---- */

static void is_shown(struct bed *b, const char *provider, enum granted_state state,
                     unsigned fetched, unsigned failed, const char *why)
{
    uint64_t now = ev_wall_ms(b->w.ev);
    struct granted g;

    granted_read(b->board, 1, span_str(provider), now, &g);
    assert_string_equal(granted_state_name(g.state), granted_state_name(state));
    assert_int_equal(g.fetched, fetched);
    assert_int_equal(g.failed, failed);
    assert_string_equal(g.why, why);
    assert_int_equal(g.until_ms > now, state == GRANTED_GOOD || state == GRANTED_STALE);
}

/* ---- tests ---- */

static void many_wait_for_one_fetch(void **state)
{
    struct bed *b = *state;

    assert_int_equal(b->requests, 0); /* nobody has asked yet */
    for (size_t i = 0; i < ASKERS; i++) {
        ask(b, &b->askers[i], "v");
        assert_int_equal(b->askers[i].answer, CRED_WAIT);
    }
    cred_wait_cancel(&b->askers[1].wait);
    world_run(&b->w, SLACK);
    assert_int_equal(b->requests, 1);
    for (size_t i = 0; i < ASKERS; i++) {
        assert_int_equal(b->askers[i].told, i == 1 ? 0 : 1);
        assert_int_equal(has(&b->askers[i], 1), i != 1);
    }
    assert_int_equal(one(b)->answer, CRED_READY);
    assert_int_equal(b->requests, 1);
}

static void keys_are_there_at_once(void **state)
{
    struct bed *b = *state;
    struct asker *a = &b->askers[0];

    ask(b, a, "b");
    assert_int_equal(a->answer, CRED_READY);
    assert_true(span_is(a->cred->grant.id, "AKID1") && span_is(a->cred->grant.secret, "sec1"));
    assert_false(span_has(a->cred->grant.session));
    assert_false(cred_refused(b->store, &b->settings->providers[1], a->cred));
    world_run(&b->w, EV_S(86400) * 30);
    ask(b, a, "b");
    assert_int_equal(a->answer, CRED_READY);
}

/* Lifetimes, and between which seconds of them the renewal must begin. */
static void renewed_before_the_end_while_in_use(void **state)
{
    static const struct {
        unsigned life, from, to;
    } rows[] = {
        {3600, 3225, 3300}, {1500, 1125, 1200}, {100, 75, 80}, {5, 3, 4}, {4000000, 86025, 86100}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned before;
        struct bed *b;
        ev_us began;

        if (i) {
            close_bed(state);
            open_bed(state);
        }
        b = *state;
        b->lifetime = rows[i].life;
        one(b);
        world_run(&b->w, SLACK);
        began = ev_now(b->w.ev);
        for (unsigned round = 1; round <= 3; round++) {
            before = b->requests;
            assert_int_equal(before, round);
            while (b->requests == before) {
                assert_int_equal(one(b)->answer, CRED_READY);
                world_run(&b->w, SLACK);
            }
            assert_in_range((ev_now(b->w.ev) - began) / 1000000, rows[i].from, rows[i].to);
            began = ev_now(b->w.ev);
            world_run(&b->w, SLACK);
            assert_true(has(one(b), round + 1));
        }
    }
}

static void what_nobody_uses_is_left_to_end(void **state)
{
    struct bed *b = *state;

    one(b);
    world_run(&b->w, EV_S(3590)); /* renewed once, for it was used */
    assert_int_equal(b->requests, 2);
    world_run(&b->w, EV_S(10000));
    assert_int_equal(b->requests, 2);
    assert_int_equal(one(b)->answer, CRED_WAIT);
    world_run(&b->w, SLACK);
    assert_true(has(&b->askers[0], 3));
}

static void used_late_it_is_renewed_at_once(void **state)
{
    struct bed *b = *state;

    one(b);
    world_run(&b->w, EV_S(3590));
    assert_int_equal(b->requests,
                     2);          /* at 3300 at the latest: this one lives until 6825 or later */
    world_run(&b->w, EV_S(3220)); /* past its renewal, which nobody needed */
    assert_int_equal(b->requests, 2);
    assert_true(has(one(b), 2));
    world_run(&b->w, SLACK);
    assert_int_equal(b->requests, 3);
}

static void a_failing_renewal_keeps_the_old_one_until_it_ends(void **state)
{
    struct bed *b = *state;
    unsigned tries;

    one(b);
    world_run(&b->w, SLACK);
    b->status = 500;
    for (unsigned s = 0; s < 3599; s++) {
        assert_int_equal(one(b)->answer, CRED_READY);
        assert_true(has(&b->askers[0], 1));
        world_run(&b->w, EV_S(1));
    }
    tries = b->requests - 1; /* in 300 s and some: 1 + 2 + 4 + ... + 32, then every 60 to 75 s */
    assert_in_range(tries, 9, 12);
    world_run(&b->w, EV_S(2));
    ask(b, &b->askers[0], "v");
    if (b->askers[0].answer == CRED_WAIT)
        world_run(&b->w, SLACK);
    assert_null(b->askers[0].cred);
    assert_string_equal(b->askers[0].why.text,
                        "Google's metadata server: it answered with status 500");
    b->status = 200;
    world_run(&b->w, EV_S(76));
    assert_int_equal(one(b)->answer, CRED_WAIT);
    world_run(&b->w, SLACK);
    assert_non_null(b->askers[0].cred);
}

static void a_failure_is_told_at_once_and_not_repeated_soon(void **state)
{
    struct bed *b = *state;

    b->status = 403;
    one(b);
    ask(b, &b->askers[1], "v");
    world_run(&b->w, SLACK);
    assert_int_equal(b->requests, 1);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(b->askers[i].told, 1);
        assert_string_equal(b->askers[i].why.text,
                            "Google's metadata server: it answered with status 403");
    }
    world_run(&b->w, EV_MS(800)); /* less than a second since */
    assert_int_equal(one(b)->answer, CRED_FAILED);
    assert_string_equal(b->askers[0].why.text,
                        "Google's metadata server: it answered with status 403");
    world_run(&b->w, EV_MS(500));
    assert_int_equal(b->requests, 1); /* nobody asks: nothing is tried */
    b->status = 200;
    assert_int_equal(one(b)->answer, CRED_WAIT);
    world_run(&b->w, SLACK);
    assert_true(has(&b->askers[0], 2));
}

static void a_fetch_is_bounded_in_time_and_size(void **state)
{
    struct bed *b = *state;
    ev_us began = ev_now(b->w.ev);

    b->status = 0;
    one(b);
    world_run(&b->w, EV_MS(9999));
    assert_int_equal(b->askers[0].told, 0);
    world_run(&b->w, EV_MS(1));
    assert_int_equal(b->askers[0].told, 1);
    assert_string_equal(b->askers[0].why.text, "Google's metadata server: no answer within 10 s");
    assert_true(ev_now(b->w.ev) - began == EV_S(10));
    b->status = 200;
    for (size_t past = 0; past < 2; past++) {
        world_run(&b->w, EV_S(61));
        b->body = BODY + 1 - past;
        one(b);
        world_run(&b->w, EV_S(1));
        assert_int_equal(b->askers[0].told, 1);
        assert_int_equal(b->askers[0].cred != NULL, past == 1);
    }
}

static void what_has_ended_already_is_refused(void **state)
{
    struct bed *b = *state;

    b->lifetime = 0;
    one(b);
    world_run(&b->w, SLACK);
    assert_string_equal(b->askers[0].why.text,
                        "Google's metadata server: what it gave has ended already");
}

static void a_refused_one_is_fetched_anew_once_in_a_while(void **state)
{
    struct bed *b = *state;
    const struct settings_provider *p = &b->settings->providers[0];
    struct cred *first = NULL;

    one(b);
    world_run(&b->w, SLACK);
    ask(b, &b->askers[1], "v"); /* two requests with the same token */
    first = b->askers[1].cred;
    assert_true(cred_refused(b->store, p, first));
    assert_true(cred_refused(b->store, p, first)); /* the other one: it is gone already */
    assert_int_equal(one(b)->answer, CRED_WAIT);
    world_run(&b->w, SLACK);
    assert_true(has(&b->askers[0], 2));
    assert_true(cred_refused(b->store, p, first)); /* late: there is a new one to try */
    assert_int_equal(b->requests, 2);
    assert_false(cred_refused(b->store, p, b->askers[0].cred)); /* it is not the token */
    assert_true(has(one(b), 2));
    world_run(&b->w, EV_S(10));
    assert_true(cred_refused(b->store, p, b->askers[0].cred));
    assert_int_equal(one(b)->answer, CRED_WAIT);
}

static void a_reload_keeps_what_is_the_same(void **state)
{
    struct bed *b = *state;
    struct settings *old;

    one(b);
    world_run(&b->w, SLACK);
    use(b, SAME);
    assert_true(has(one(b), 1));
    old = settings_ref(b->settings);
    use(b, OTHER); /* what was v is w now: another provider */
    ask(b, &b->askers[1], "w");
    assert_int_equal(b->askers[1].answer, CRED_WAIT);
    /* A request of the old snapshot still gets what it needs. */
    assert_int_equal(cred_get(b->store, old, &old->providers[0], &b->askers[2].cred,
                              &b->askers[2].wait, &b->askers[2].why),
                     CRED_WAIT);
    settings_unref(&old);
    world_run(&b->w, SLACK);
    assert_int_equal(b->requests, 3);
    assert_true(b->askers[1].cred && b->askers[2].cred && b->askers[1].cred != b->askers[2].cred);
    assert_true(has(&b->askers[0], 1)); /* references stay good */
}

static void a_reload_while_it_is_fetched(void **state)
{
    struct bed *b = *state;

    one(b);
    use(b, SAME);
    ask(b, &b->askers[1], "v");
    use(b, OTHER);
    world_run(&b->w, SLACK);
    assert_int_equal(b->requests, 1);
    assert_true(has(&b->askers[0], 1) && has(&b->askers[1], 1));
}

#define DOWN "Google's metadata server: it answered with status 503"

static void people_see_how_things_are(void **state)
{
    struct bed *b = *state;
    uint64_t began = ev_wall_ms(b->w.ev);
    struct granted g;

    is_shown(b, "v", GRANTED_NONE, 0, 0, "");
    one(b);
    world_run(&b->w, SLACK);
    is_shown(b, "v", GRANTED_GOOD, 1, 0, "");
    granted_read(b->board, 1, SPAN_LIT("v"), began, &g);
    assert_in_range(g.until_ms - began, 3600 * 1000, 3600 * 1000 + SLACK / 1000);
    b->status = 503;
    one(b);
    world_run(&b->w, EV_S(3301)); /* past its renewal, which is not tried twice in a second */
    is_shown(b, "v", GRANTED_STALE, 1, b->requests - 1, DOWN);
    world_run(&b->w, EV_S(299));
    is_shown(b, "v", GRANTED_FAILED, 1, b->requests - 1, DOWN);
    b->status = 200;
    world_run(&b->w, EV_S(76));
    one(b);
    world_run(&b->w, SLACK);
    is_shown(b, "v", GRANTED_GOOD, 2, b->requests - 2, "");
    assert_true(cred_refused(b->store, &b->settings->providers[0], b->askers[0].cred));
    is_shown(b, "v", GRANTED_NONE, 2, b->requests - 2, "");
}

static void what_was_never_had_is_seen(void **state)
{
    struct bed *b = *state;

    b->status = 503;
    one(b);
    is_shown(b, "v", GRANTED_NONE, 0, 0, ""); /* not yet */
    world_run(&b->w, SLACK);
    is_shown(b, "v", GRANTED_FAILED, 0, 1, DOWN);
    ask(b, &b->askers[1], "b");
    is_shown(b, "b", GRANTED_NONE, 0, 0, ""); /* a key of the configuration has no place */
    world_run(&b->w, EV_MS(GRANTED_FORGET_MS));
    is_shown(b, "v", GRANTED_NONE, 0, 1, ""); /* nobody has asked since */
}

static void a_reload_shows_what_is_configured(void **state)
{
    struct bed *b = *state;
    struct settings *old;

    one(b);
    world_run(&b->w, SLACK);
    old = settings_ref(b->settings);
    use(b, SAME);
    is_shown(b, "v", GRANTED_GOOD, 1, 0, "");
    use(b, OTHER);
    is_shown(b, "v", GRANTED_NONE, 1, 0, "");
    is_shown(b, "w", GRANTED_NONE, 0, 0, "");
    /* A request of the old snapshot gets one of its own, which is nobody's business any more. */
    assert_int_equal(cred_get(b->store, old, &old->providers[0], &b->askers[2].cred,
                              &b->askers[2].wait, &b->askers[2].why),
                     CRED_WAIT);
    world_run(&b->w, SLACK);
    is_shown(b, "v", GRANTED_NONE, 1, 0, "");
    settings_unref(&old);
    use(b, VERTEX);
    one(b);
    world_run(&b->w, SLACK);
    is_shown(b, "v", GRANTED_GOOD, 2, 0, "");
}

/* Two entries of one name: the older one is fetched still, when its source comes back. */
static void one_name_shows_one_source(void **state)
{
    struct bed *b = *state;

    b->status = 0;
    one(b);
    use(b, "version: 1\nproviders: {v: {type: bedrock, region: r1}}\n");
    ask(b, &b->askers[1], "v");
    world_run(&b->w, SLACK);
    is_shown(b, "v", GRANTED_FAILED, 0, 1,
             "the instance's metadata service: it answered with status 404");
    use(b, VERTEX);
    is_shown(b, "v", GRANTED_NONE, 0, 1, "");
    assert_int_equal(board_get(&b->shown[0].taken), 1);
    world_run(&b->w, EV_S(10));
    is_shown(b, "v", GRANTED_FAILED, 0, 2, "Google's metadata server: no answer within 10 s");
}

static void without_memory(void **state)
{
    struct bed *b = *state;
    struct asker *a = &b->askers[0];
    bool hit = true;

    for (size_t at = 1; hit; at++) {
        mem_torture(at, false);
        one(b);
        world_run(&b->w, EV_MS(50));
        hit = mem_torture_hit();
        mem_torture(0, false);
        assert_true(a->cred || a->why.text[0]); /* one or the other */
        world_run(&b->w, SLACK);
        cred_unref(&a->cred);
        use(b, OTHER); /* forget it */
        use(b, VERTEX);
        world_run(&b->w, SLACK);
    }
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, open_bed, close_bed)
    const struct CMUnitTest tests[] = {
        ROW(many_wait_for_one_fetch),
        ROW(keys_are_there_at_once),
        ROW(renewed_before_the_end_while_in_use),
        ROW(what_nobody_uses_is_left_to_end),
        ROW(used_late_it_is_renewed_at_once),
        ROW(a_failing_renewal_keeps_the_old_one_until_it_ends),
        ROW(a_failure_is_told_at_once_and_not_repeated_soon),
        ROW(a_fetch_is_bounded_in_time_and_size),
        ROW(what_has_ended_already_is_refused),
        ROW(a_refused_one_is_fetched_anew_once_in_a_while),
        ROW(a_reload_keeps_what_is_the_same),
        ROW(a_reload_while_it_is_fetched),
        ROW(people_see_how_things_are),
        ROW(what_was_never_had_is_seen),
        ROW(a_reload_shows_what_is_configured),
        ROW(one_name_shows_one_source),
        ROW(without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
