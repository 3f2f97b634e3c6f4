/* Goal: the admin port answers over HTTP what it promises, also to slow, rude and departing
 * clients; a record reaches metrics, status and log.
 * Method: ops and its clients in one virtual process; the access log goes into a pipe. */
#include "prom.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/env.h"
#include "base/mem.h"
#include "board/trial.h"
#include "codec/json_scan.h"
#include "conf/report.h"
#include "ev/ev_sim.h"
#include "http/client.h"
#include "net/net_sim.h"
#include "ops/ops.h"
#include "record/log.h"

#define WORKERS  2
#define BODY_MAX ((size_t)16 * 1024 * 1024)
#define ADMIN    "127.0.0.1:8081"

static const char config[] = "version: 1\n"
                             "providers:\n"
                             "  local: {type: vllm, endpoints: [\"http://127.0.0.1:9/v1\"]}\n"
                             "models:\n"
                             "  smart: {targets: [local/qwen]}\n"
                             "  quiet: {targets: [local/qwen]}\n";

struct bed {
    struct ev *ev;
    struct net_sim *world;
    struct net *net;
    struct board *board;
    struct settings *settings;
    struct ops *ops;
    struct http_pool *pool;
    struct resolver *resolver;
    int log_in, log_out;

    /* the reload under test */
    void (*reload_done)(void *arg, enum ops_reloaded how, struct span text);
    void *reload_arg;
    int reloads;
    bool reload_at_once;
    int decided; /* enum ops_decision */
};

struct request {
    const char *method, *path, *host;
    const char *name, *value; /* one more field, or NULL */
    const char *body;
};

struct answer {
    struct http_stream *s;
    bool done, failed, lazy; /* lazy: gives no credit back */
    uint16_t status;
    char type[80], allow[20];
    uint64_t body_len;
    struct buf body;
};

/* ---- the bed ---- */

static void on_reload(void *arg, bool at_once,
                      void (*done)(void *done_arg, enum ops_reloaded how, struct span text),
                      void *done_arg)
{
    struct bed *b = arg;

    b->reloads++;
    b->reload_at_once = at_once;
    b->reload_done = done;
    b->reload_arg = done_arg;
}

static void on_decision(void *arg, enum ops_decision d)
{
    struct bed *b = arg;

    b->decided = (int)d;
}

static struct settings *load(const char *text)
{
    struct settings *s = NULL;
    struct conf_report report;
    struct env *env = NULL;
    const char *const none[] = {NULL};
    struct err e;

    conf_report_init(&report);
    assert_int_equal(env_new_table(&env, none, &e), 0);
    if (settings_load(&s, span_str(text), SPAN_LIT("test.yaml"), env, &report, &e) < 0)
        fail_msg("%s", e.text);
    conf_report_fini(&report);
    env_free(&env);
    return s;
}

static struct ops_conf conf_of(struct bed *b)
{
    return (struct ops_conf){.net = b->net,
                             .board = b->board,
                             .workers = WORKERS,
                             .first = b->settings,
                             .log_fd = b->log_in,
                             .reload = on_reload,
                             .decide = on_decision,
                             .arg = b};
}

static int set_up(void **state)
{
    static const struct net_sim_conf mild = {.latency_min = 50, .latency_max = 2000};
    struct bed *b = mem_zalloc(1, sizeof(*b));
    struct http_pool_conf pool = {.limits = http_limits_default,
                                  .idle_ms = 60000,
                                  .age_ms = 300000,
                                  .idle_most = 8,
                                  .conns_most = 64};
    struct ops_conf conf;
    struct err e;
    int fd[2];

    struct resolver_conf names = {0};

    assert_non_null(b);
    pool.limits.body_bytes = UINT64_MAX;
    assert_int_equal(pipe(fd), 0);
    b->log_out = fd[0];
    b->log_in = fd[1];
    assert_int_equal(fcntl(b->log_out, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(ev_sim_new(&b->ev, 1, &e), 0);
    assert_int_equal(net_sim_new(&b->world, b->ev, &mild, &e), 0);
    assert_int_equal(net_sim_host(&b->net, b->world, NULL, &e), 0);
    assert_int_equal(board_new(&b->board, &e), 0);
    b->settings = load(config);
    conf = conf_of(b);
    if (ops_new(&b->ops, &conf, b->settings, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(resolve_sim_new(&b->resolver, b->ev, &names, &e), 0);
    pool.resolver = b->resolver;
    pool.dial = (struct dial_conf){.host = "127.0.0.1", .allow_loopback = true};
    pool.dial.port = ntohs(ops_addr(b->ops)->u.v4.sin_port);
    assert_int_equal(http_pool_new(&b->pool, b->net, &pool, &e), 0);
    *state = b;
    return 0;
}

static void run(struct bed *b, uint64_t ms)
{
    ev_sim_run(b->ev, ev_now(b->ev) + EV_MS(ms));
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    ops_free(&b->ops);
    ops_free(&b->ops);
    http_pool_free(&b->pool);
    resolve_free(&b->resolver);
    run(b, 60000);
    settings_unref(&b->settings);
    board_free(&b->board);
    net_sim_host_free(&b->net);
    net_sim_free(&b->world);
    ev_sim_free(&b->ev);
    close(b->log_in);
    close(b->log_out);
    mem_free(b);
    return 0;
}

static void turn_workers(struct bed *b)
{
    for (size_t i = 0; i < WORKERS; i++) {
        board_set(&b->board->workers[i].pid, 999999999 + i); /* nobody's */
        board_set(&b->board->workers[i].turned_us, ev_now(b->ev) + 1);
    }
}

/* ---- a client ---- */

static void keep(char *out, size_t cap, struct span s)
{
    snprintf(out, cap, "%.*s", SPAN_FMT(s));
}

static void on_head(void *arg, const struct http_head *h)
{
    struct answer *a = arg;

    a->status = h->status;
    a->body_len = h->body_len;
    keep(a->type, sizeof(a->type), http_field_get(h, "content-type"));
    keep(a->allow, sizeof(a->allow), http_field_get(h, "allow"));
}

static void on_body(void *arg, const char *p, size_t n)
{
    struct answer *a = arg;

    buf_add(&a->body, p, n);
    if (!a->lazy)
        http_consumed(a->s, n);
}

static void on_end(void *arg)
{
    struct answer *a = arg;

    a->done = true;
    http_stream_close(&a->s, HTTP_CLOSE_DONE);
}

static void on_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

static void on_fail(void *arg, enum http_fail how, const struct err *e)
{
    struct answer *a = arg;

    UNUSED(how);
    UNUSED(e);
    a->failed = true;
    http_stream_close(&a->s, HTTP_CLOSE_BROKEN);
}

static void start(struct bed *b, struct answer *a, const struct request *r)
{
    static const struct http_stream_cb cb = {on_head, on_body, on_end, on_sent, on_fail};
    struct http_field field = {span_str(r->name), span_str(r->value)};
    struct http_head head = {.method = span_str(r->method),
                             .path = span_str(r->path),
                             .authority = span_str(r->host ? r->host : ADMIN),
                             .body_len = r->body ? strlen(r->body) : 0,
                             .fields = &field,
                             .fields_n = r->name != NULL};
    bool lazy = a->lazy;
    struct err e;

    *a = (struct answer){.lazy = lazy};
    buf_init(&a->body, BODY_MAX);
    assert_int_equal(http_pool_request(b->pool, &a->s, HTTP_POOL_ANY, NULL, NULL, &e), 0);
    http_stream_bind(a->s, &cb, a);
    assert_int_equal(http_send_head(a->s, &head, &e), 0);
    if (r->body)
        assert_int_equal(http_send_body(a->s, r->body, strlen(r->body), &e), 0);
    assert_int_equal(http_send_end(a->s, &e), 0);
}

static void ask(struct bed *b, struct answer *a, struct request r)
{
    start(b, a, &r);
    for (int i = 0; i < 100 && !a->done && !a->failed; i++)
        run(b, 10);
    assert_true(a->done);
}

static void end(struct answer *a)
{
    http_stream_close(&a->s, HTTP_CLOSE_BROKEN);
    buf_fini(&a->body);
}

static bool body_has(const struct answer *a, const char *part)
{
    return span_contains(buf_span(&a->body), span_str(part));
}

static bool is_json(struct span text)
{
    return json_scan_all(NULL, text, NULL, NULL) == JSON_SCAN_DONE;
}

/* ---- tests ---- */

static void probes_answer_by_status(void **state)
{
    struct bed *b = *state;
    struct answer a = {0};

    ask(b, &a, (struct request){"GET", "/livez", NULL, NULL, NULL, NULL});
    assert_int_equal(a.status, 200);
    assert_string_equal(a.type, "text/plain; charset=utf-8");
    assert_true(span_is(buf_span(&a.body), "ok\n"));
    end(&a);
    ask(b, &a, (struct request){"GET", "/readyz", NULL, NULL, NULL, NULL});
    assert_int_equal(a.status, 503);
    assert_true(body_has(&a, "not ok\n"));
    assert_true(body_has(&a, "[-] a worker serves the current configuration\n"));
    end(&a);
    ask(b, &a, (struct request){"GET", "/startupz", NULL, NULL, NULL, NULL});
    assert_int_equal(a.status, 503);
    end(&a);
    turn_workers(b);
    ask(b, &a, (struct request){"GET", "/readyz?verbose", NULL, NULL, NULL, NULL});
    assert_int_equal(a.status, 200);
    assert_true(body_has(&a, "[+] worker 1: ok\n"));
    end(&a);
    ask(b, &a, (struct request){"GET", "/startupz", NULL, NULL, NULL, NULL});
    assert_int_equal(a.status, 200);
    end(&a);
    run(b, 16000);
    ask(b, &a, (struct request){"GET", "/livez", NULL, NULL, NULL, NULL});
    assert_int_equal(a.status, 503);
    end(&a);
}

static void only_known_paths_and_methods(void **state)
{
    static const struct {
        struct request r;
        uint16_t status;
        const char *allow;
    } rows[] = {
        {{"GET", "/", NULL, NULL, NULL, NULL}, 200, ""},
        {{"HEAD", "/", NULL, NULL, NULL, NULL}, 200, ""},
        {{"HEAD", "/metrics", NULL, NULL, NULL, NULL}, 200, ""},
        {{"GET", "/no", NULL, NULL, NULL, NULL}, 404, ""},
        {{"POST", "/no", NULL, NULL, NULL, "{}"}, 404, ""},
        {{"GET", "/metrics/", NULL, NULL, NULL, NULL}, 404, ""},
        {{"GET", "/metrics?x=1", NULL, NULL, NULL, NULL}, 200, ""},
        {{"POST", "/metrics", NULL, NULL, NULL, "x"}, 405, "GET, HEAD"},
        {{"DELETE", "/livez", NULL, NULL, NULL, NULL}, 405, "GET, HEAD"},
        {{"GET", "/api/v1/reload", NULL, NULL, NULL, NULL}, 405, "POST"},
        {{"HEAD", "/api/v1/reload", NULL, NULL, NULL, NULL}, 405, "POST"},
        {{"POST", "/api/v1/trial", NULL, NULL, NULL, NULL}, 405, "GET, HEAD"},
        {{"GET", "/api/v1/trial", NULL, NULL, NULL, NULL}, 200, ""},
        {{"GET", "/api/v1/confirm", NULL, NULL, NULL, NULL}, 405, "POST"},
        {{"GET", "/api/v1/rollback", NULL, NULL, NULL, NULL}, 405, "POST"},
        {{"POST", "/api/v1/confirm", NULL, NULL, NULL, NULL}, 403, ""},
        {{"POST", "/api/v1/rollback", NULL, NULL, NULL, NULL}, 403, ""},
        {{"GET", "/metrics", "lamplighter:8081", NULL, NULL, NULL}, 200, ""},
    };
    struct bed *b = *state;
    struct answer a = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool head = strcmp(rows[i].r.method, "HEAD") == 0;

        ask(b, &a, rows[i].r);
        assert_int_equal(a.status, rows[i].status);
        assert_string_equal(a.allow, rows[i].allow);
        if (a.status >= 400 && !head)
            assert_true(is_json(buf_span(&a.body)));
        assert_int_equal(a.body.n == 0, head);
        end(&a);
    }
}

static struct record one_record(void)
{
    return (struct record){.wall_ms = EV_SIM_WALL_MS,
                           .duration_us = 2000000,
                           .first_us = 300000,
                           .overhead_us = 80,
                           .usage = {.input = 10, .output = 20, .seen = true},
                           .outcome = OUTCOME_FULL,
                           .op = OP_CHAT,
                           .status = 200,
                           .attempts = 1,
                           .stream = true,
                           .id = "r_1",
                           .model = "smart",
                           .target = "local/qwen",
                           .provider = "vllm",
                           .upstream_model = "qwen"};
}

static void record_reaches_metrics_status_and_log(void **state)
{
    struct bed *b = *state;
    struct record r = one_record();
    struct answer a = {0};
    char line[RECORD_LINE_MAX];
    ssize_t n;

    turn_workers(b);
    (void)board_enter(b->board->targets[1], SPAN_LIT("local/qwen"));
    for (int i = 0; i < 3; i++)
        ops_record(b->ops, &r);
    ask(b, &a, (struct request){"GET", "/metrics", NULL, NULL, NULL, NULL});
    assert_int_equal(a.status, 200);
    assert_string_equal(a.type, "text/plain; version=0.0.4; charset=utf-8");
    assert_true(prom_check(buf_span(&a.body)) > 100);
    assert_true(fabs(prom_value(buf_span(&a.body),
                                "lamplighter_requests_total{model=\"smart\",api=\"chat\","
                                "stream=\"true\",outcome=\"full\"}") -
                     3) < 1e-9);
    end(&a);
    ask(b, &a, (struct request){"GET", "/api/v1/status", NULL, NULL, NULL, NULL});
    assert_int_equal(a.status, 200);
    assert_true(is_json(buf_span(&a.body)));
    assert_true(body_has(&a, "\"requests\":3,\"ok_ratio\":1,\"outcomes\":{\"full\":3,"));
    assert_true(body_has(&a, "\"served_by\":[{\"target\":\"local/qwen\",\"requests\":3}]"));
    assert_true(body_has(&a, "{\"model\":\"quiet\",\"requests\":0,\"ok_ratio\":null,"));
    assert_true(body_has(&a, "\"overhead_p99_s\":9.95e-05,"));
    assert_true(body_has(&a, "\"targets\":[{\"target\":\"local/qwen\",\"state\":\"healthy\","
                             "\"requests_live\":1,\"retries_left\":5,"));
    end(&a);
    n = read(b->log_out, line, sizeof(line));
    assert_true(n > 0);
    assert_true(is_json(span_of(line, (size_t)((char *)memchr(line, '\n', (size_t)n) - line))));
}

static void rate_is_a_mean_of_ten_seconds(void **state)
{
    struct bed *b = *state;
    struct answer a = {0};

    for (int i = 0; i < 20; i++) {
        board_add(&b->board->workers[i % 2].requests, 7);
        run(b, 1000);
    }
    ask(b, &a, (struct request){"GET", "/api/v1/status", NULL, NULL, NULL, NULL});
    assert_true(body_has(&a, "\"requests_per_s\":7,"));
    assert_true(body_has(&a, "\"requests\":140,"));
    end(&a);
}

static void reload_is_guarded(void **state)
{
    static const struct {
        const char *host, *name, *value;
        uint16_t status; /* 0: it goes through */
    } rows[] = {
        {NULL, NULL, NULL, 403},
        {NULL, "content-type", "text/plain", 403},
        {NULL, "content-type", "application/x-www-form-urlencoded", 403},
        {NULL, "x-lamplighter-admin", "0", 403},
        {"evil.example", "x-lamplighter-admin", "1", 403},
        {"evil.example:8081", "content-type", "application/json", 403},
        {"127.0.0.1.evil.example:8081", "x-lamplighter-admin", "1", 403},
        {"localhost.evil.example", "x-lamplighter-admin", "1", 403},
        {NULL, "x-lamplighter-admin", "1", 0},
        {NULL, "content-type", "application/json", 0},
        {NULL, "content-type", "Application/JSON; charset=utf-8", 0},
        {"127.0.0.1", "x-lamplighter-admin", "1", 0},
        {"[::1]", "x-lamplighter-admin", "1", 0},
        {"[::1]:8081", "x-lamplighter-admin", "1", 0},
        {"localhost:8081", "x-lamplighter-admin", "1", 0},
        {"LocalHost", "x-lamplighter-admin", "1", 0},
        {"10.0.0.7:8081", "x-lamplighter-admin", "1", 0},
    };
    struct bed *b = *state;
    struct answer a = {0};
    int want = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct request r = {"POST",       "/api/v1/reload", rows[i].host,
                            rows[i].name, rows[i].value,    "{}"};

        start(b, &a, &r);
        run(b, 100);
        want += rows[i].status == 0;
        if (b->reloads != want)
            fail_msg("row %zu", i);
        if (rows[i].status == 0)
            b->reload_done(b->reload_arg, true, SPAN_LIT("loaded"));
        run(b, 100);
        assert_true(a.done);
        assert_int_equal(a.status, rows[i].status ? rows[i].status : 200);
        end(&a);
    }
    ask(b, &a, (struct request){"GET", "/api/v1/status", "evil.example", NULL, NULL, NULL});
    assert_int_equal(a.status, 403);
    end(&a);
}

static const struct request reload = {"POST", "/api/v1/reload", NULL, "x-lamplighter-admin", "1",
                                      NULL};

static void reload_tells_its_result(void **state)
{
    struct bed *b = *state;
    struct answer a = {0}, second = {0};

    start(b, &a, &reload);
    run(b, 5000);
    assert_false(a.done);
    ask(b, &second, reload);
    assert_int_equal(second.status, 409);
    end(&second);
    b->reload_done(b->reload_arg, false, SPAN_LIT("error[E012]: \"x\"\n"));
    run(b, 100);
    assert_int_equal(a.status, 422);
    assert_true(span_is(buf_span(&a.body),
                        "{\"ok\":false,\"trial\":false,\"text\":\"error[E012]: \\\"x\\\"\\n\"}\n"));
    end(&a);
    assert_int_equal(b->reloads, 1);
}

static void a_reload_may_be_on_trial(void **state)
{
    struct request now = reload;
    struct bed *b = *state;
    struct answer a = {0};

    start(b, &a, &reload);
    run(b, 100);
    assert_false(b->reload_at_once);
    b->reload_done(b->reload_arg, OPS_TRIED, SPAN_LIT(""));
    run(b, 100);
    assert_int_equal(a.status, 200);
    assert_true(span_is(buf_span(&a.body), "{\"ok\":true,\"trial\":true,\"text\":\"\"}\n"));
    end(&a);
    now.path = "/api/v1/reload?now";
    start(b, &a, &now);
    run(b, 100);
    assert_true(b->reload_at_once);
    b->reload_done(b->reload_arg, OPS_TAKEN, SPAN_LIT(""));
    run(b, 100);
    assert_true(body_has(&a, "\"trial\":false"));
    end(&a);
}

static void a_trial_is_decided_by_hand(void **state)
{
    static const struct {
        const char *path;
        uint64_t trial, before;
        uint16_t status;
        int decided; /* -1: nothing is */
    } rows[] = {
        {"/api/v1/confirm", BOARD_TRIAL_NONE, 1, 409, -1},
        {"/api/v1/confirm", BOARD_TRIAL_RUNS, 0, 200, OPS_CONFIRM},
        {"/api/v1/confirm", BOARD_TRIAL_UNPROVEN, 0, 200, OPS_CONFIRM},
        {"/api/v1/rollback", BOARD_TRIAL_NONE, 0, 409, -1},
        {"/api/v1/rollback", BOARD_TRIAL_NONE, 1, 200, OPS_ROLL_BACK},
        {"/api/v1/rollback", BOARD_TRIAL_UNPROVEN, 0, 200, OPS_ROLL_BACK},
    };
    struct bed *b = *state;
    struct answer a = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        board_set(&b->board->trial.state, rows[i].trial);
        board_set(&b->board->trial.before, rows[i].before);
        b->decided = -1;
        ask(b, &a, (struct request){"POST", rows[i].path, NULL, "x-lamplighter-admin", "1", NULL});
        assert_int_equal(a.status, rows[i].status);
        assert_int_equal(b->decided, rows[i].decided);
        end(&a);
    }
}

static void a_trial_is_told_with_its_power(void **state)
{
    struct bed *b = *state;
    struct board_trial *t = &b->board->trial;
    struct answer a = {0};
    struct request r = {"GET", "/api/v1/trial", NULL, NULL, NULL, NULL};

    ask(b, &a, r);
    assert_true(body_has(&a, "\"seen_from\":null,\"end\":\"none\",\"ended\":null,"));
    assert_true(body_has(&a, "\"text\":\"\"}"));
    end(&a);
    board_set(&t->loaded.slice, 50000);
    board_trial_begin(t, b->board->standings, 3, ev_now(b->ev), EV_SIM_WALL_MS);
    board_set(&t->sides[BOARD_SIDE_NEW].judged, 50);
    board_set(&t->sides[BOARD_SIDE_OLD].judged, 950);
    run(b, 12000);
    ask(b, &a, r);
    assert_true(body_has(&a, "{\"state\":\"running\",\"trial\":3,"));
    assert_true(body_has(&a,
                         "\"text\":\"on trial on 5% of new requests; after 12 s: 50 requests, 0 "
                         "failed (asked again: 0), 0 slow; old: 950, 0, 0\""));
    end(&a);
    board_trial_ended(t, BOARD_TRIAL_END_KEPT, ev_now(b->ev), EV_SIM_WALL_MS);
    ask(b, &a, r);
    assert_true(body_has(&a, "\"end\":\"kept\""));
    assert_true(body_has(&a, "failures of 15% would have been seen with 90%"));
    end(&a);
    board_set(&t->sides[BOARD_SIDE_NEW].judged, 4);
    ask(b, &a, r);
    assert_true(body_has(&a, "too few to have seen any fault"));
    end(&a);
}

static void reload_outlives_its_client(void **state)
{
    struct bed *b = *state;
    struct answer a = {0};

    start(b, &a, &reload);
    run(b, 100);
    end(&a);
    run(b, 100);
    b->reload_done(b->reload_arg, true, SPAN_LIT("loaded"));
    start(b, &a, &reload);
    run(b, 29000);
    assert_false(a.done);
    run(b, 2000);
    assert_int_equal(a.status, 504); /* too long to wait, and still under way */
    end(&a);
    ask(b, &a, reload);
    assert_int_equal(a.status, 409);
    end(&a);
    b->reload_done(b->reload_arg, true, SPAN_LIT("loaded"));
    start(b, &a, &reload);
    run(b, 100);
    assert_int_equal(b->reloads, 3); /* ended by tear_down, with the client waiting */
    ops_free(&b->ops);
    run(b, 1000);
    assert_true(a.failed);
    end(&a);
}

/* Many series, clients that do not read: memory is bounded, others are served. */
static void slow_readers_hold_nobody_up(void **state)
{
    struct bed *b = *state;
    struct record r = one_record();
    struct answer slow[40] = {0}, a = {0};
    size_t refused = 0, whole = 0;

    for (int i = 0; i < 3000; i++) {
        snprintf(r.model, sizeof(r.model), "model-%d-%040d", i, i);
        ops_record(b->ops, &r);
    }
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        slow[i].lazy = true;
        start(b, &slow[i], &(struct request){"GET", "/metrics", NULL, NULL, NULL, NULL});
    }
    run(b, 1000);
    ask(b, &a, (struct request){"GET", "/livez", NULL, NULL, NULL, NULL});
    assert_int_equal(a.status, 200);
    end(&a);
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        refused += slow[i].status == 503;
        whole += slow[i].done && slow[i].status == 200;
        end(&slow[i]);
    }
    assert_int_equal(whole, 0);
    assert_true(refused > 0);
    run(b, 60000);
    ask(b, &a, (struct request){"GET", "/metrics", NULL, NULL, NULL, NULL});
    assert_int_equal(a.status, 200); /* all memory came back */
    assert_int_equal(a.body.n, a.body_len);
    prom_check(buf_span(&a.body));
    end(&a);
}

static void rude_bodies_are_refused(void **state)
{
    struct bed *b = *state;
    char *body = mem_alloc(70001);
    struct answer a = {0};

    assert_non_null(body);
    memset(body, 'x', 70000);
    body[70000] = '\0';
    start(b, &a,
          &(struct request){"POST", "/api/v1/reload", NULL, "x-lamplighter-admin", "1", body});
    run(b, 5000);
    assert_true(a.failed || a.status >= 400);
    assert_int_equal(b->reloads, 0);
    end(&a);
    mem_free(body);
}

/* The pipe is full: lines are dropped, metrics say so, and what was taken comes out whole. */
static void full_log_drops_and_counts(void **state)
{
    struct bed *b = *state;
    struct record r = one_record();
    struct answer a = {0};
    char piece[65536];
    size_t lines = 0;
    double dropped;
    ssize_t n;

    for (int i = 0; i < 5000; i++)
        ops_record(b->ops, &r);
    ask(b, &a, (struct request){"GET", "/metrics", NULL, NULL, NULL, NULL});
    dropped = prom_value(buf_span(&a.body), "lamplighter_telemetry_dropped_total{signal=\"log\"}");
    end(&a);
    assert_true(dropped > 0);
    for (int i = 0; i < 200; i++) {
        while ((n = read(b->log_out, piece, sizeof(piece))) > 0)
            for (ssize_t k = 0; k < n; k++)
                lines += piece[k] == '\n';
        run(b, 20);
    }
    assert_int_equal(lines + (size_t)dropped, 5000);
}

static void settings_move_the_log(void **state)
{
    struct bed *b = *state;
    struct record r = one_record();
    char dir[] = "/tmp/lamplighter-ops-XXXXXX", path[64], text[1024], piece[4096];
    struct settings *s;
    struct err e;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/access.log", dir);
    snprintf(text, sizeof(text), "%stelemetry: {log: {file: \"%s\"}}\n", config, path);
    s = load(text);
    assert_int_equal(ops_settings(b->ops, s, &e), 0);
    settings_unref(&s);
    ops_record(b->ops, &r);
    run(b, 10);
    assert_int_equal(access(path, R_OK), 0);
    assert_true(read(b->log_out, piece, sizeof(piece)) < 0);
    unlink(path);
    rmdir(dir);
    snprintf(text, sizeof(text), "%stelemetry: {log: {file: \"%s\"}}\n", config, path);
    s = load(text);
    assert_int_equal(ops_settings(b->ops, s, &e), -1); /* the directory is gone */
    settings_unref(&s);
    snprintf(text, sizeof(text), "%stelemetry: {log: {access: false}}\n", config);
    s = load(text);
    assert_int_equal(ops_settings(b->ops, s, &e), 0);
    settings_unref(&s);
    ops_record(b->ops, &r);
    run(b, 10);
    assert_int_equal(ops_settings(b->ops, b->settings, &e), 0);
    ops_record(b->ops, &r);
    run(b, 10);
    assert_true(read(b->log_out, piece, sizeof(piece)) > 0);
}

/* Every allocation of the constructor fails once. */
static void construction_survives_without_memory(void **state)
{
    struct bed *b = *state;
    struct ops_conf conf = conf_of(b);
    struct settings *s = load("version: 1\n"
                              "server: {admin: \"127.0.0.1:8082\"}\n"
                              "providers:\n"
                              "  local: {type: vllm, endpoints: [\"http://127.0.0.1:9/v1\"]}\n");
    size_t at = 0, failed = 0;
    bool hit = true;

    while (hit) {
        struct ops *o = NULL;
        struct err e;
        int rc;

        mem_torture(++at, false);
        rc = ops_new(&o, &conf, s, &e);
        hit = mem_torture_hit();
        mem_torture(0, false);
        if (rc < 0) {
            assert_int_equal(e.code, ERR_NOMEM);
            failed++;
        }
        assert_int_equal(rc < 0, o == NULL);
        ops_free(&o);
    }
    assert_true(failed >= 5);
    settings_unref(&s);
}

static void taken_address_is_an_error(void **state)
{
    struct bed *b = *state;
    struct ops_conf conf = conf_of(b);
    struct ops *o = NULL;
    struct err e;

    assert_int_equal(ops_new(&o, &conf, b->settings, &e), -1);
    assert_null(o);
    assert_true(span_starts(span_str(e.text), SPAN_LIT("server.admin: ")));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(probes_answer_by_status),
        TEST(only_known_paths_and_methods),
        TEST(record_reaches_metrics_status_and_log),
        TEST(rate_is_a_mean_of_ten_seconds),
        TEST(reload_is_guarded),
        TEST(reload_tells_its_result),
        TEST(a_reload_may_be_on_trial),
        TEST(a_trial_is_decided_by_hand),
        TEST(a_trial_is_told_with_its_power),
        TEST(reload_outlives_its_client),
        TEST(slow_readers_hold_nobody_up),
        TEST(rude_bodies_are_refused),
        TEST(full_log_drops_and_counts),
        TEST(settings_move_the_log),
        TEST(construction_survives_without_memory),
        TEST(taken_address_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
