/*
 * clerk.c - the life of the clerk: everything that an answer does not wait for. Admin port, access
 * log, metrics. It may die at any moment; records that find it dead are counted as dropped.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/link_ev.h"
#include "cmd/run.h"
#include "net/net_uv.h"
#include "ops/ops.h"

#define TURN_MOST  32 /* datagrams a turn: the admin port gets its share */
#define REPORT_MAX ((size_t)256 * 1024)

struct clerk {
    const struct run *run;
    struct ev *ev;
    struct net *net;
    struct ops *ops;
    struct ev_fd *records;
    struct link_ev link;
    void (*reload_done)(void *arg, bool ok, struct span text);
    void *reload_arg;
    struct record batch[RUN_BATCH];
};

static void on_records(void *arg, unsigned events)
{
    struct clerk *c = arg;

    UNUSED(events);
    for (int i = 0; i < TURN_MOST; i++) {
        ssize_t n = recv(c->run->records[0], c->batch, sizeof(c->batch), MSG_DONTWAIT);

        if (n <= 0)
            return;
        for (size_t k = 0; k < (size_t)n / sizeof(c->batch[0]); k++)
            ops_record(c->ops, &c->batch[k]);
    }
}

/* ---- reloading ---- */

static void ask_reload(void *arg, void (*done)(void *done_arg, bool ok, struct span text),
                       void *done_arg)
{
    struct clerk *c = arg;

    if (c->reload_done) {
        done(done_arg, false, SPAN_LIT("another reload is under way; try again\n"));
        return;
    }
    c->reload_done = done;
    c->reload_arg = done_arg;
    link_ev_send(&c->link, (struct link_msg){.type = LINK_RELOAD});
}

static void reload_result(struct clerk *c, bool ok, int fd)
{
    void (*done)(void *arg, bool ok, struct span text) = c->reload_done;
    struct buf text;
    ssize_t n;
    char *to;

    c->reload_done = NULL;
    if (!done)
        return; /* it was a SIGHUP */
    buf_init(&text, REPORT_MAX);
    to = buf_reserve(&text, REPORT_MAX);
    n = to && fd >= 0 ? pread(fd, to, REPORT_MAX, 0) : 0;
    if (n > 0)
        buf_commit(&text, (size_t)n);
    done(c->reload_arg, ok, buf_span(&text));
    buf_fini(&text);
}

static void on_msg(void *arg, const struct link_msg *m, int fd)
{
    struct clerk *c = arg;
    struct settings *settings;
    struct err e;

    if (m->type == LINK_CONFIG && run_settings(&settings, c->run, fd, &e) == 0) {
        if (ops_settings(c->ops, settings, &e) < 0)
            run_say("clerk: the new configuration: %s", e.text);
        settings_unref(&settings);
        link_ev_send(&c->link, (struct link_msg){.type = LINK_READY, .number = m->number});
    } else if (m->type == LINK_RELOAD_RESULT) {
        reload_result(c, m->number == 1, fd);
    } else if (m->type == LINK_DRAIN) {
        ev_stop(c->ev);
    }
    if (fd >= 0)
        (void)close(fd);
}

/* ---- life ---- */

static int serve(struct clerk *c, const struct proc_place *place, struct settings *settings,
                 struct err *e)
{
    struct ops_conf conf = {.net = c->net,
                            .board = c->run->board,
                            .workers = c->run->workers,
                            .first = c->run->first,
                            .log_fd = STDOUT_FILENO,
                            .listen_fd = dup(c->run->admin_fd),
                            .reload = ask_reload,
                            .arg = c};
    int rc = -1;

    if (ops_new(&c->ops, &conf, settings, e) < 0)
        return -1;
    c->link = (struct link_ev){
        .ev = c->ev, .link = place->link, .row = &c->run->board->clerk, .on_msg = on_msg, .arg = c};
    if (ev_fd_open(&c->records, c->ev, c->run->records[0], on_records, c, e) == 0 &&
        link_ev_open(&c->link, e) == 0) {
        ev_fd_want(c->records, EV_FD_READ);
        link_ev_send(&c->link, (struct link_msg){.type = LINK_READY, .number = place->generation});
        ev_uv_run(c->ev);
        on_records(c, 0); /* what workers sent last */
        rc = 0;
    }
    link_ev_close(&c->link);
    ev_fd_close(&c->records);
    ops_free(&c->ops);
    return rc;
}

int run_clerk(const struct run *run, const struct proc_place *place)
{
    struct clerk c = {.run = run};
    struct settings *settings = NULL;
    struct err e;
    int rc = -1;

    if (ev_uv_new(&c.ev, &e) == 0 && net_uv_new(&c.net, c.ev, &e) == 0 &&
        run_settings(&settings, run, place->config_fd, &e) == 0)
        rc = serve(&c, place, settings, &e);
    if (rc < 0)
        run_say("clerk: %s", e.text);
    settings_unref(&settings);
    net_uv_free(&c.net);
    ev_uv_free(&c.ev);
    return rc == 0 ? 0 : 1;
}
