/*
 * worker.c - the life of a worker: a gateway on real sockets, told by the master what to serve.
 *
 * Outcome records leave for the clerk in batches, without ever blocking: if the clerk is dead or
 * slow they are dropped and counted, and no client notices. A request keeps its entry on the board
 * until its record has left (or was counted as dropped): should this process die, the clerk finds
 * the entry or the record. If it dies between the two, it finds both, and tells of one.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/gateway.h"
#include "cmd/link_ev.h"
#include "cmd/listen.h"
#include "cmd/row.h"
#include "cmd/run.h"
#include "net/net_uv.h"

#define BATCH_MS 20 /* longest time a record waits for company */
#define LAST_MS  1000

struct worker {
    const struct run *run;
    struct ev *ev;
    struct net *net;
    struct resolver *resolver;
    struct gateway gateway;
    struct held_holder held;
    struct policy_ledger ledger;
    struct link_ev link;
    uint32_t slot;
    struct board_row *row;
    struct row_seen seen;
    struct ev_timer send;
    size_t records_n;
    struct record records[RUN_BATCH];
};

/* ---- records ---- */

static void send_records(struct worker *w)
{
    size_t bytes = w->records_n * sizeof(w->records[0]);

    if (w->records_n &&
        send(w->run->records[1], w->records, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)bytes)
        board_add(&w->row->records_dropped, w->records_n);
    for (size_t i = 0; i < w->records_n; i++)
        held_give_up(&w->held, w->records[i].held);
    w->records_n = 0;
}

static void on_send_timer(struct ev_timer *t)
{
    send_records(CONTAINER_OF(t, struct worker, send));
}

static void on_record(void *arg, const struct record *r)
{
    struct worker *w = arg;
    struct err e;

    held_over(&w->held, r->held, ev_now(w->ev), record_result(r));
    w->records[w->records_n] = *r;
    w->records[w->records_n++].worker = (uint16_t)w->slot;
    if (w->records_n == RUN_BATCH)
        send_records(w);
    else if (!ev_timer_armed(&w->send) && ev_timer_set(&w->send, EV_MS(BATCH_MS), &e) < 0)
        send_records(w);
}

/* ---- the board ---- */

static void on_beat(void *arg)
{
    struct worker *w = arg;

    row_write(w->row, &w->seen, &w->gateway);
}

/* ---- the master's word ---- */

static void on_drained(void *arg)
{
    struct worker *w = arg;

    ev_stop(w->ev);
}

static void take_config(struct worker *w, int fd, uint64_t generation)
{
    struct settings *settings;
    struct err e;

    if (run_settings(&settings, w->run, fd, &e) < 0) {
        run_say("worker: the new configuration: %s", e.text); /* checked by the loader; memory? */
        return;
    }
    if (gateway_settings(&w->gateway, settings, &e) < 0)
        run_say("worker: the new configuration: %s", e.text);
    settings_unref(&settings);
    link_ev_send(&w->link, (struct link_msg){.type = LINK_READY, .number = generation});
}

/* Without it this worker's requests all go by the one in use. */
static void try_config(struct worker *w, int fd, uint64_t number)
{
    struct settings *settings = NULL;
    struct err e;

    if (fd >= 0 && run_settings(&settings, w->run, fd, &e) < 0)
        run_say("worker: the configuration on trial: %s", e.text);
    gateway_trial(&w->gateway, settings, number);
    settings_unref(&settings);
}

static void on_msg(void *arg, const struct link_msg *m, int fd)
{
    struct worker *w = arg;

    if (m->type == LINK_CONFIG) {
        take_config(w, fd, m->number);
    } else if (m->type == LINK_TRIAL) {
        try_config(w, fd, m->number);
    } else if (m->type == LINK_DRAIN) {
        board_set(&w->row->draining, 1);
        gateway_drain(&w->gateway, m->number, on_drained, w);
        /* Nobody will accept any more, and nobody shall wait in the kernel for the end of it. */
        listen_give_way(w->run, w->slot);
    }
    if (fd >= 0)
        (void)close(fd);
}

/* ---- life ---- */

static int listen_all(struct worker *w, uint32_t slot, struct err *e)
{
    if (listen_anew(w->run, slot, e) < 0)
        return -1;
    for (size_t i = 0; i < w->run->listens; i++) {
        struct net_listen_conf conf = {.fd = w->run->listen_fds[slot][i]};

        if (http_server_listen(w->gateway.server, &conf, e) < 0)
            return -1;
    }
    return 0;
}

static int join_others(struct worker *w, const struct settings *settings, struct err *e)
{
    const struct run *run = w->run;
    struct gateway_peers peers = {
        .n = run->workers, .self = w->slot, .ports = run->peer_ports, .secret = run->peer_secret};
    struct net_listen_conf own = {.fd = run->peer_fds[w->slot]};

    return run->peers ? gateway_join(&w->gateway, w->resolver, settings, &peers, &own, e) : 0;
}

static int serve(struct worker *w, const struct proc_place *place, struct settings *settings,
                 struct err *e)
{
    struct relay_sink sink = {.record = on_record,
                              .arg = w,
                              .targets = w->run->board->targets[w->slot],
                              .held = &w->held,
                              .board = w->run->board,
                              .row = w->row,
                              .standings = w->run->board->standings,
                              .creds = w->run->board->creds[w->slot],
                              .kept = &w->run->board->kept,
                              .seats = &w->run->board->seats,
                              .overrides = w->run->board,
                              .endpoints = w->run->board,
                              .ledger = &w->ledger,
                              .trial = &w->run->board->trial,
                              .room = w->run->room};
    int rc = -1;

    if (policy_ledger_init(&w->ledger, w->run->board, place->slot, e) < 0)
        return -1;
    held_init(&w->held, w->run->board, place->slot);
    if (gateway_init(&w->gateway, w->net, w->resolver, settings, sink, w->run->ticket_secret, e) <
        0) {
        policy_ledger_fini(&w->ledger);
        return -1;
    }
    w->link = (struct link_ev){.ev = w->ev,
                               .link = place->link,
                               .row = w->row,
                               .on_msg = on_msg,
                               .on_beat = on_beat,
                               .arg = w};
    if (place->trial_fd >= 0)
        try_config(w, place->trial_fd, place->trial);
    ev_timer_init(&w->send, w->ev, on_send_timer);
    if (gateway_bound(&w->gateway, settings, run_conns_most(), e) == 0 &&
        join_others(w, settings, e) == 0 && listen_all(w, place->slot, e) == 0 &&
        link_ev_open(&w->link, e) == 0) {
        link_ev_send(&w->link, (struct link_msg){.type = LINK_READY, .number = place->generation});
        ev_uv_run(w->ev);
        on_beat(w);
        rc = 0;
    }
    ev_timer_stop(&w->send);
    send_records(w);
    link_ev_close(&w->link);
    gateway_fini(&w->gateway);
    policy_ledger_fini(&w->ledger);
    send_records(w);
    return rc;
}

int run_worker(const struct run *run, const struct proc_place *place)
{
    struct worker w = {.run = run, .slot = place->slot, .row = &run->board->workers[place->slot]};
    struct resolver_conf names = {0};
    struct settings *settings = NULL;
    struct err e;
    int rc = -1;

    board_set(&w.row->draining, 0);
    if (ev_uv_new(&w.ev, &e) == 0 && net_uv_new(&w.net, w.ev, &e) == 0 &&
        resolve_ares_new(&w.resolver, w.ev, &names, &e) == 0 &&
        run_settings(&settings, run, place->config_fd, &e) == 0)
        rc = serve(&w, place, settings, &e);
    if (rc < 0)
        run_say("worker %u: %s", place->slot, e.text);
    settings_unref(&settings);
    resolve_free(&w.resolver);
    net_uv_free(&w.net);
    ev_uv_free(&w.ev);
    return rc == 0 ? 0 : 1;
}
