/*
 * single.c - `run --single`: worker and clerk in one process, on one loop. For debugging, and for
 * tests that want one process to look at. No engines are started, and nobody replaces it.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "relay/gateway.h"
#include "cmd/explain.h"
#include "cmd/row.h"
#include "cmd/run.h"
#include "ev/lag.h"
#include "net/net_uv.h"
#include "ops/ops.h"

#define BEAT_MS 250

struct single {
    const struct run *run;
    struct ev *ev;
    struct net *net;
    struct resolver *resolver;
    struct gateway gateway;
    struct ops *ops;
    struct ev_signals *signals;
    struct ev_timer beat;
    struct lag lag;
    struct row_seen seen;
    uint64_t drain_ms;
    bool draining;
};

static void on_record(void *arg, const struct record *r)
{
    struct single *s = arg;

    ops_record(s->ops, r);
}

static void on_beat(struct ev_timer *t)
{
    struct single *s = CONTAINER_OF(t, struct single, beat);
    struct board_row *row = &s->run->board->workers[0];
    struct err e;

    board_set(&row->turned_us, ev_now(s->ev));
    board_set(&row->lag_us, lag_note(&s->lag, s->ev));
    row_write(row, &s->seen, &s->gateway);
    lag_expect(&s->lag, s->ev, EV_MS(BEAT_MS));
    MUST(ev_timer_set(t, EV_MS(BEAT_MS), &e) == 0);
}

static void on_drained(void *arg)
{
    struct single *s = arg;

    ev_stop(s->ev);
}

static void on_signal(void *arg, int sig)
{
    struct single *s = arg;

    if (sig == SIGHUP) {
        run_say("lamplighter: --single does not reload; start it again");
        return;
    }
    gateway_drain(&s->gateway, s->draining ? 0 : s->drain_ms, on_drained, s);
    s->draining = true;
    board_set(&s->run->board->draining, 1);
}

static int explain(void *arg, const struct ops_question *q, struct settings *settings,
                   struct buf *out, struct err *e)
{
    const struct single *s = arg;

    return explain_route(s->run, s->ev, q, settings, out, e);
}

static int serve(struct single *s, struct settings *settings, struct err *e)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    struct ops_conf conf = {.net = s->net,
                            .board = s->run->board,
                            .workers = 1,
                            .history = s->run->history,
                            .first = settings,
                            .log_fd = STDOUT_FILENO,
                            .listen_fd = s->run->admin_fd,
                            .explain = explain,
                            .say = run_tell,
                            .arg = s};
    int rc = -1;

    if (ops_new(&s->ops, &conf, settings, e) < 0)
        return -1;
    for (size_t i = 0; i < s->run->listens; i++) {
        struct net_listen_conf lc = {.fd = s->run->listen_fds[0][i]};

        if (http_server_listen(s->gateway.server, &lc, e) < 0)
            goto out;
    }
    if (ev_signals_open(&s->signals, s->ev, signals, ARRAY_LEN(signals), on_signal, s, e) < 0)
        goto out;
    board_set(&s->run->board->workers[0].pid, (uint64_t)getpid());
    board_set(&s->run->board->workers[0].generation, 1);
    board_set(&s->run->board->generation, 1);
    board_set(&s->run->board->reload_ok, 1);
    board_set(&s->run->board->started_us, ev_now(s->ev));
    board_set(&s->run->board->started_wall_ms, ev_wall_ms(s->ev));
    board_set(&s->run->board->reload_wall_ms, ev_wall_ms(s->ev));
    lag_expect(&s->lag, s->ev, 0);
    on_beat(&s->beat);
    ev_uv_run(s->ev);
    rc = 0;
out:
    ev_timer_stop(&s->beat);
    ev_signals_close(&s->signals);
    return rc;
}

int run_single(const struct run *run, int config_fd)
{
    struct single s = {.run = run};
    struct relay_sink sink = {.record = on_record,
                              .standings = s.run->board->standings,
                              .arg = &s,
                              .targets = run->board->targets[0],
                              .creds = run->board->creds[0],
                              .overrides = run->board,
                              .kept = &run->board->kept,
                              .seats = &run->board->seats,
                              .room = run->room};
    struct resolver_conf names = {0};
    struct settings *settings = NULL;
    struct err e;
    int rc = -1;

    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return 1;
    if (ev_uv_new(&s.ev, &e) == 0 && net_uv_new(&s.net, s.ev, &e) == 0 &&
        resolve_ares_new(&s.resolver, s.ev, &names, &e) == 0 &&
        run_settings(&settings, run, config_fd, &e) == 0 &&
        gateway_init(&s.gateway, s.net, s.resolver, settings, sink, run->ticket_secret, &e) == 0) {
        s.drain_ms = settings->server.drain_ms;
        ev_timer_init(&s.beat, s.ev, on_beat);
        rc = serve(&s, settings, &e);
        gateway_fini(&s.gateway);
        ops_free(&s.ops);
    }
    if (rc < 0)
        run_say("lamplighter: %s", e.text);
    settings_unref(&settings);
    resolve_free(&s.resolver);
    net_uv_free(&s.net);
    ev_uv_free(&s.ev);
    return rc == 0 ? 0 : 1;
}
