/* Goal: names are asked for once, remembered for their TTL, and outlive a DNS that is down.
 * Method: the memory of answers on virtual time with a table; c-ares against a DNS server of a
 * few lines on loopback. */
#include "bed.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/addr.h"
#include "net/resolve.h"

struct ask {
    struct resolve *q;
    bool done;
    struct net_addr addrs[RESOLVE_ADDRS_MAX];
    size_t n;
    struct err err;
};

static void on_done(void *arg, const struct net_addr *addrs, size_t n, const struct err *e)
{
    struct ask *a = arg;

    assert_false(a->done);
    assert_true((n == 0) == (e != NULL));
    a->done = true;
    a->n = n;
    if (n > 0)
        memcpy(a->addrs, addrs, n * sizeof(*addrs));
    else
        a->err = *e;
}

static void start(struct ask *a, struct resolver *r, const char *host)
{
    struct err e;

    *a = (struct ask){0};
    assert_int_equal(resolve_start(&a->q, r, span_str(host), 443, on_done, a, &e), 0);
    assert_false(a->done);
}

static void check(const struct ask *a, const char *want)
{
    char text[NET_ADDR_TEXT];

    assert_true(a->done);
    assert_true(a->n > 0);
    assert_string_equal(net_addr_text(&a->addrs[0], text), want);
}

static void lookup(struct bed *b, struct resolver *r, const char *host, struct ask *a)
{
    start(a, r, host);
    WAIT(b, a->done);
}

static struct resolver *table(struct bed *b, uint32_t names_max)
{
    struct resolver_conf conf = {.names_max = names_max};
    struct resolver *r = NULL;
    struct err e;

    assert_int_equal(resolve_sim_new(&r, b->ev, &conf, &e), 0);
    return r;
}

static void set(struct resolver *r, const char *host, const char *addrs, uint32_t ttl_s,
                ev_us delay)
{
    struct err e;

    assert_int_equal(resolve_sim_set(r, host, addrs, ttl_s, delay, &e), 0);
}

static void literal_addresses_ask_nobody(void **state)
{
    struct bed *b = *state;
    struct resolver *r = table(b, 0);
    struct ask a;

    lookup(b, r, "10.1.2.3", &a);
    check(&a, "10.1.2.3:443");
    lookup(b, r, "::1", &a);
    check(&a, "[::1]:443");
    assert_int_equal(resolve_queries(r), 0);
    resolve_free(&r);
}

static void answers_live_for_their_ttl(void **state)
{
    struct bed *b = *state;
    struct resolver *r = table(b, 0);
    struct ask a;

    set(r, "api.test", "10.0.0.1,10.0.0.2", 60, EV_MS(20));
    lookup(b, r, "API.test", &a);
    check(&a, "10.0.0.1:443");
    assert_int_equal(a.n, 2);
    set(r, "api.test", "10.0.0.9", 0, EV_MS(20));
    bed_run(b, ev_now(b->ev) + EV_S(59));
    lookup(b, r, "api.test", &a);
    check(&a, "10.0.0.1:443");
    assert_int_equal(resolve_queries(r), 1);
    bed_run(b, ev_now(b->ev) + EV_S(2));
    lookup(b, r, "api.test", &a);
    check(&a, "10.0.0.9:443");
    assert_int_equal(resolve_queries(r), 2);
    lookup(b, r, "api.test", &a); /* a TTL of 0 is 1 s */
    assert_int_equal(resolve_queries(r), 2);
    set(r, "api.test", "10.0.0.10", 99999, EV_MS(20));
    bed_run(b, ev_now(b->ev) + EV_S(2));
    lookup(b, r, "api.test", &a);
    bed_run(b, ev_now(b->ev) + EV_S(299));
    lookup(b, r, "api.test", &a);
    assert_int_equal(resolve_queries(r), 3);
    bed_run(b, ev_now(b->ev) + EV_S(2)); /* a long one is 5 min */
    lookup(b, r, "api.test", &a);
    assert_int_equal(resolve_queries(r), 4);
    resolve_free(&r);
}

static void one_query_answers_all_who_ask(void **state)
{
    struct bed *b = *state;
    struct resolver *r = table(b, 0);
    struct ask a[5];

    set(r, "api.test", "10.0.0.1", 60, EV_MS(20));
    for (size_t i = 0; i < ARRAY_LEN(a); i++)
        start(&a[i], r, "api.test");
    resolve_cancel(&a[2].q);
    assert_null(a[2].q);
    bed_settle(b);
    for (size_t i = 0; i < ARRAY_LEN(a); i++)
        assert_int_equal(a[i].done, i != 2);
    check(&a[4], "10.0.0.1:443");
    assert_int_equal(resolve_queries(r), 1);
    resolve_free(&r);
}

static void last_good_addresses_outlive_dns(void **state)
{
    struct bed *b = *state;
    struct resolver *r = table(b, 0);
    struct ask a;
    ev_us begin;

    set(r, "api.test", "10.0.0.1", 5, EV_MS(20));
    lookup(b, r, "api.test", &a);
    set(r, "api.test", "", 5, EV_MS(20)); /* fails at once */
    for (int i = 0; i < 10; i++) {
        bed_run(b, ev_now(b->ev) + EV_S(600));
        lookup(b, r, "api.test", &a);
        check(&a, "10.0.0.1:443");
    }
    set(r, "api.test", NULL, 0, 0); /* does not answer: the old ones after a second */
    bed_run(b, ev_now(b->ev) + EV_S(600));
    begin = ev_now(b->ev);
    lookup(b, r, "api.test", &a);
    check(&a, "10.0.0.1:443");
    assert_in_range(ev_now(b->ev) - begin, EV_MS(1000), EV_MS(1010));
    set(r, "api.test", "10.0.0.2", 5, EV_MS(20)); /* it is back */
    bed_run(b, ev_now(b->ev) + EV_S(20));
    lookup(b, r, "api.test", &a);
    check(&a, "10.0.0.2:443");
    resolve_free(&r);
}

static void failure_is_remembered_for_a_second(void **state)
{
    struct bed *b = *state;
    struct resolver *r = table(b, 0);
    struct ask a;

    for (int i = 0; i < 3; i++) {
        lookup(b, r, "nobody.test", &a);
        assert_int_equal(a.n, 0);
        assert_int_equal(a.err.code, ERR_RESOLVE);
        assert_non_null(strstr(a.err.text, "nobody.test"));
    }
    assert_int_equal(resolve_queries(r), 1);
    bed_run(b, ev_now(b->ev) + EV_MS(1100));
    lookup(b, r, "nobody.test", &a);
    assert_int_equal(resolve_queries(r), 2);
    resolve_free(&r);
}

static void memory_of_names_is_bounded(void **state)
{
    struct bed *b = *state;
    struct resolver *r = table(b, 3);
    struct ask a, open[4];
    struct err e;

    set(r, "a.test", "10.0.0.1", 60, 0);
    for (int i = 0; i < 20; i++) {
        char host[] = "x.test";

        host[0] = (char)('b' + i);
        set(r, host, "10.0.0.2", 60, 0);
        lookup(b, r, host, &a);
        lookup(b, r, "a.test", &a); /* always used, never forgotten */
    }
    assert_int_equal(resolve_queries(r), 21);
    for (int i = 0; i < 3; i++)
        start(&open[i], r, i == 0 ? "o.n" : i == 1 ? "t.w" : "th.r"); /* nothing to forget now */
    assert_int_equal(resolve_start(&open[3].q, r, SPAN_LIT("f.o"), 1, on_done, &a, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    resolve_free(&r); /* with questions open */
    bed_settle(b);
    assert_false(open[0].done);
}

static void bad_names_are_refused_at_once(void **state)
{
    static const char *const bad[] = {"", " ", "a b", "a/b", "a\tb", "h\xc3\xb6st", "a:1", "[::1]"};
    struct bed *b = *state;
    struct resolver *r = table(b, 0);
    struct ask a;
    struct err e;
    char longest[RESOLVE_HOST_MAX + 2];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(resolve_start(&a.q, r, span_str(bad[i]), 1, on_done, &a, &e), -1);
        assert_int_equal(e.code, ERR_RESOLVE);
    }
    memset(longest, 'a', sizeof(longest));
    assert_int_equal(resolve_start(&a.q, r, span_of(longest, 254), 1, on_done, &a, &e), -1);
    assert_int_equal(resolve_start(&a.q, r, span_of(longest, 253), 1, on_done, &a, &e), 0);
    resolve_cancel(&a.q);
    resolve_free(&r);
}

/* ---- c-ares ---- */

/* A DNS server: answers A with one address, AAAA with none; or nothing at all. */
struct dns {
    struct bed *b;
    struct ev_fd *watch;
    int fd;
    unsigned char ip[4];
    unsigned char ttl_s;
    bool silent;
    size_t asked;
};

static void on_query(void *arg, unsigned events)
{
    struct dns *d = arg;
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    unsigned char m[600];
    ssize_t got = recvfrom(d->fd, m, 512, 0, (struct sockaddr *)&from, &len);
    size_t n = 12;
    bool is_a;

    UNUSED(events);
    if (got < 17 || d->silent)
        return;
    d->asked++;
    while (n < (size_t)got && m[n] != 0)
        n += m[n] + 1u;
    n += 5;
    assert_true(n <= (size_t)got);
    is_a = m[n - 3] == 1;
    m[2] = 0x85; /* an answer, authoritative */
    m[3] = 0x80;
    memset(m + 6, 0, 6);
    m[7] = is_a;
    if (is_a) {
        const unsigned char rr[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, d->ttl_s, 0, 4};

        memcpy(m + n, rr, sizeof(rr));
        memcpy(m + n + sizeof(rr), d->ip, 4);
        n += sizeof(rr) + 4;
    }
    assert_true(sendto(d->fd, m, n, 0, (struct sockaddr *)&from, len) == (ssize_t)n);
}

static struct resolver *serve(struct bed *b, struct dns *d)
{
    struct net_addr a;
    socklen_t len = sizeof(a.u);
    char text[NET_ADDR_TEXT];
    struct resolver_conf conf = {.servers = text, .timeout_ms = 300, .tries = 1};
    struct resolver *r = NULL;
    struct err e;

    assert_int_equal(net_addr_parse(&a, SPAN_LIT("127.0.0.1:0"), &e), 0);
    *d = (struct dns){.b = b, .ip = {10, 9, 8, 7}, .ttl_s = 1};
    d->fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(d->fd, &a.u.any, sizeof(a.u.v4)), 0);
    assert_int_equal(getsockname(d->fd, &a.u.any, &len), 0);
    assert_int_equal(ev_fd_open(&d->watch, b->ev, d->fd, on_query, d, &e), 0);
    ev_fd_want(d->watch, EV_FD_READ);
    assert_int_equal(resolve_ares_new(&r, b->ev, &conf, (net_addr_text(&a, text), &e)), 0);
    return r;
}

static void serve_end(struct dns *d, struct resolver **r)
{
    resolve_free(r);
    ev_fd_close(&d->watch);
    close(d->fd);
}

static void cares_asks_and_survives_silence(void **state)
{
    struct bed *b = *state;
    struct dns d;
    struct resolver *r = serve(b, &d);
    struct ask a;
    ev_us begin;

    lookup(b, r, "model.test", &a);
    check(&a, "10.9.8.7:443");
    assert_int_equal(a.n, 1);
    assert_int_equal(d.asked, 2); /* A and AAAA */
    d.silent = true;
    begin = ev_now(b->ev);
    lookup(b, r, "never-seen.test", &a);
    assert_int_equal(a.n, 0);
    assert_int_equal(a.err.code, ERR_RESOLVE);
    assert_in_range(ev_now(b->ev) - begin, EV_MS(200), EV_MS(2500));
    while (ev_now(b->ev) < begin + EV_MS(1100))
        bed_turn(b);
    lookup(b, r, "model.test", &a); /* its TTL is over, DNS is down */
    check(&a, "10.9.8.7:443");
    serve_end(&d, &r);
}

static void cares_reads_the_hosts_file(void **state)
{
    struct bed *b = *state;
    struct dns d;
    struct resolver *r = serve(b, &d);
    struct ask a;

    lookup(b, r, "localhost", &a);
    assert_true(a.n > 0 && net_addr_loopback(&a.addrs[0]));
    assert_int_equal(net_addr_port(&a.addrs[0]), 443);
    assert_int_equal(d.asked, 0);
    serve_end(&d, &r);
}

static void cares_drops_open_questions(void **state)
{
    struct bed *b = *state;
    struct dns d;
    struct resolver *r = serve(b, &d);
    struct ask a, c;

    d.silent = true;
    start(&a, r, "one.test");
    start(&c, r, "two.test");
    bed_turn(b);
    resolve_cancel(&a.q);
    serve_end(&d, &r);
    bed_settle(b);
    assert_false(a.done || c.done);
}

static void questions_survive_without_memory(void **state)
{
    struct bed *b = *state;

    for (size_t at = 1, hit = 1; hit; at++) {
        struct resolver_conf conf = {.servers = "127.0.0.1:9", .timeout_ms = 50, .tries = 1};
        struct resolver *r = NULL;
        struct ask a = {0};
        struct err e = {0};
        int rc;

        mem_torture(at, false);
        rc =
            b->sim ? resolve_sim_new(&r, b->ev, &conf, &e) : resolve_ares_new(&r, b->ev, &conf, &e);
        if (rc == 0 && b->sim)
            rc = resolve_sim_set(r, "x.test", "10.0.0.1", 1, 0, &e);
        if (rc == 0)
            rc = resolve_start(&a.q, r, SPAN_LIT("x.test"), 1, on_done, &a, &e);
        if (rc == 0)
            WAIT(b, a.done);
        else
            assert_int_equal(e.code, ERR_NOMEM);
        hit = mem_torture_hit();
        mem_torture(0, false);
        resolve_free(&r);
        assert_true(at < 50);
    }
}

#define UV(f)   {"uv_" #f, f, bed_uv, bed_end, NULL}
#define SIM(f)  {"sim_" #f, f, bed_sim, bed_end, NULL}
#define BOTH(f) UV(f), SIM(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM(literal_addresses_ask_nobody),       SIM(answers_live_for_their_ttl),
        SIM(one_query_answers_all_who_ask),      SIM(last_good_addresses_outlive_dns),
        SIM(failure_is_remembered_for_a_second), SIM(memory_of_names_is_bounded),
        SIM(bad_names_are_refused_at_once),      UV(cares_asks_and_survives_silence),
        UV(cares_reads_the_hosts_file),          UV(cares_drops_open_questions),
        BOTH(questions_survive_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
