/*
 * clerk.c - the life of the clerk: everything that an answer does not wait for. Admin port, access
 * log, metrics. It may die at any moment; records that find it dead are counted as dropped.
 *
 * At each beat it looks on the board for requests that a dead worker held, and makes a record of
 * each: that it crashed, and no more than that, for nobody knows what became of it. Why none is
 * told twice: what the dead worker had handed over has come, or lies in the queue, which is read to
 * its end first; and of each record that came there is a note beside its entry. Why none is lost
 * when the clerk dies at it: an entry is forgotten when its line has been written; a clerk that
 * dies between the two leaves a second line of the same id to its successor, rather than none.
 * (Records that it had read and not yet written are lost with it, as ever.)
 */
#include <sys/socket.h>
#include <unistd.h>

#include "board/held.h"
#include "cmd/explain.h"
#include "cmd/link_ev.h"
#include "cmd/run.h"
#include "net/net_uv.h"
#include "ops/ops.h"

#define TURN_MOST  32 /* datagrams a turn: the admin port gets its share */
#define REPORT_MAX ((size_t)256 * 1024)
#define QUEUE_MOST 4096 /* datagrams read in search of the queue's end; it holds fewer */
#define BURY_MOST  256  /* requests of dead workers a beat; their lines fit the log's queue */

struct clerk {
    const struct run *run;
    struct ev *ev;
    struct net *net;
    struct ops *ops;
    struct ev_fd *records;
    struct link_ev link;
    void (*reload_done)(void *arg, enum ops_reloaded how, struct span text);
    void *reload_arg;
    struct record batch[RUN_BATCH];
};

static void take_record(struct clerk *c, const struct record *r)
{
    held_told(c->run->board, r->worker, r->held, r->id);
    ops_record(c->ops, r);
}

/* At most so many datagrams; true when none is left. */
static bool read_records(struct clerk *c, size_t most)
{
    for (size_t i = 0; i < most; i++) {
        ssize_t n = recv(c->run->records[0], c->batch, sizeof(c->batch), MSG_DONTWAIT);

        if (n <= 0)
            return true;
        for (size_t k = 0; k < (size_t)n / sizeof(c->batch[0]); k++)
            take_record(c, &c->batch[k]);
    }
    return false;
}

static void on_records(void *arg, unsigned events)
{
    UNUSED(events);
    UNUSED(read_records(arg, TURN_MOST));
}

/* ---- what dead workers held ---- */

/* What the dead worker's entry says. It had ended: then so is the record, but for what did not fit
 * (tokens, bytes, times of the attempt). It had not: the client may have got all of it or nothing.
 */
static void tell_held(struct clerk *c, const struct held_request *q)
{
    uint64_t end = q->result ? q->ended_us : ev_now(c->ev);
    struct record r = {.wall_ms = q->wall_ms,
                       .duration_us = end - MIN(q->began_us, end),
                       .outcome = OUTCOME_FAILED,
                       .reason = REASON_CRASHED,
                       .class_id = q->attempts ? CLASS_MAYBE_EXECUTED : CLASS_NONE,
                       .op = q->op < OPS ? (enum provider_op)q->op : OPS,
                       .attempts = (uint16_t)q->attempts,
                       .number = (uint16_t)q->attempts,
                       .pricing = q->attempts ? PRICING_NO_USAGE : PRICING_NOTHING,
                       .stream = q->stream};
    const char *text = "The worker died before it asked a target.";

    if (q->attempts)
        text = "The worker died; how far the answer came is unknown.";
    if (q->result) {
        record_set_result(&r, q->result);
        text = "The worker died behind the end of this request; tokens and bytes are unknown.";
    }
    memcpy(r.id, q->id, sizeof(r.id));
    memcpy(r.model, q->model, sizeof(r.model));
    memcpy(r.target, q->target, sizeof(r.target));
    memcpy(r.provider, q->provider, sizeof(r.provider));
    snprintf(r.text, sizeof(r.text), "%s", text);
    ops_record(c->ops, &r);
}

/* Tell, have it written, then forget: at most `most` requests of one slot. Returns how many. */
static size_t bury(struct clerk *c, uint32_t slot, uint64_t ends, size_t most)
{
    struct board *b = c->run->board;
    struct held_request q;
    uint16_t last = 0, n = 0;
    size_t found = 0;

    for (; found < most && (n = held_dead(b, slot, ends, last, &q)) != 0; found++, last = n)
        if (!q.told)
            tell_held(c, &q);
    ops_flush(c->ops);
    for (n = 0; n < last && (n = held_dead(b, slot, ends, n, &q)) != 0;)
        held_forget(b, slot, n);
    return found;
}

/* true: there may be more of them than a beat may take. */
static bool bury_all(struct clerk *c)
{
    const struct board *b = c->run->board;
    uint64_t ends[BOARD_WORKERS] = {0};
    struct held_request q;
    size_t left = BURY_MOST;
    bool any = false;

    for (uint32_t i = 0; i < c->run->workers; i++) {
        ends[i] = held_ends(b, i);
        any = held_dead(b, i, ends[i], 0, &q) != 0 || any;
    }
    /* Only who is known to be dead before the queue is read has said all in it. */
    if (!any || !read_records(c, QUEUE_MOST))
        return false;
    for (uint32_t i = 0; i < c->run->workers && left; i++)
        left -= bury(c, i, ends[i], left);
    return left == 0;
}

static void judge_trial(struct clerk *c);

static void on_beat(void *arg)
{
    UNUSED(bury_all(arg));
    judge_trial(arg);
}

/* ---- reloading, and what comes of it ---- */

static void ask_reload(void *arg, bool at_once,
                       void (*done)(void *done_arg, enum ops_reloaded how, struct span text),
                       void *done_arg)
{
    struct clerk *c = arg;

    if (c->reload_done) {
        done(done_arg, OPS_REFUSED, SPAN_LIT("another reload is under way; try again\n"));
        return;
    }
    c->reload_done = done;
    c->reload_arg = done_arg;
    link_ev_send(&c->link, (struct link_msg){.type = LINK_RELOAD, .index = at_once});
}

static void end_trial(struct clerk *c, enum board_trial_end how)
{
    link_ev_send(&c->link, (struct link_msg){.type = LINK_TRIAL_END,
                                             .index = how,
                                             .number = board_get(&c->run->board->trial.number)});
}

static void decide(void *arg, enum ops_decision d)
{
    struct clerk *c = arg;
    bool tried = board_get(&c->run->board->trial.state) != BOARD_TRIAL_NONE;

    if (tried)
        end_trial(c, d == OPS_CONFIRM ? BOARD_TRIAL_END_CONFIRMED : BOARD_TRIAL_END_BY_HAND);
    else if (d == OPS_ROLL_BACK)
        link_ev_send(&c->link, (struct link_msg){.type = LINK_ROLLBACK});
}

static void hold(struct clerk *c)
{
    link_ev_send(&c->link, (struct link_msg){.type = LINK_TRIAL_HOLD,
                                             .number = board_get(&c->run->board->trial.number)});
}

/* Its time is over, and too few requests have come. */
static void unproven(struct clerk *c, enum settings_unproven what)
{
    switch (what) {
    case SETTINGS_HOLD:
        hold(c);
        break;
    case SETTINGS_BACK:
        end_trial(c, BOARD_TRIAL_END_UNPROVEN);
        break;
    case SETTINGS_KEEP:
        end_trial(c, BOARD_TRIAL_END_KEPT);
        break;
    }
}

/* The verdict is told at each beat until the master has acted on it: what it knows already it
 * passes over. */
static void judge_trial(struct clerk *c)
{
    enum settings_unproven what;

    switch (ops_judge(c->ops, &what)) {
    case TRIAL_GOES_ON:
        break;
    case TRIAL_KEEP:
        end_trial(c, BOARD_TRIAL_END_KEPT);
        break;
    case TRIAL_FAILS:
        end_trial(c, BOARD_TRIAL_END_FAILS);
        break;
    case TRIAL_SLOW:
        end_trial(c, BOARD_TRIAL_END_SLOW);
        break;
    case TRIAL_UNPROVEN:
        unproven(c, what);
        break;
    }
}

static void reload_result(struct clerk *c, enum ops_reloaded how, int fd)
{
    void (*done)(void *arg, enum ops_reloaded how, struct span text) = c->reload_done;
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
    done(c->reload_arg, how, buf_span(&text));
    buf_fini(&text);
}

static enum ops_reloaded reloaded_as(uint64_t result)
{
    if (result == LINK_RELOAD_TAKEN)
        return OPS_TAKEN;
    return result == LINK_RELOAD_TRIED ? OPS_TRIED : OPS_REFUSED;
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
        reload_result(c, reloaded_as(m->number), fd);
    } else if (m->type == LINK_DRAIN) {
        ev_stop(c->ev);
    }
    if (fd >= 0)
        (void)close(fd);
}

static int explain(void *arg, const struct ops_question *q, struct settings *settings,
                   struct buf *out, struct err *e)
{
    const struct clerk *c = arg;

    return explain_route(c->run, c->ev, q, settings, out, e);
}

/* ---- life ---- */

static int serve(struct clerk *c, const struct proc_place *place, struct settings *settings,
                 struct err *e)
{
    struct ops_conf conf = {.net = c->net,
                            .board = c->run->board,
                            .workers = c->run->workers,
                            .history = c->run->history,
                            .first = c->run->first,
                            .log_fd = STDOUT_FILENO,
                            .listen_fd = dup(c->run->admin_fd),
                            .reload = ask_reload,
                            .decide = decide,
                            .explain = explain,
                            .say = run_tell,
                            .arg = c};
    int rc = -1;

    if (ops_new(&c->ops, &conf, settings, e) < 0)
        return -1;
    c->link = (struct link_ev){.ev = c->ev,
                               .link = place->link,
                               .row = &c->run->board->clerk,
                               .on_msg = on_msg,
                               .on_beat = on_beat,
                               .arg = c};
    if (ev_fd_open(&c->records, c->ev, c->run->records[0], on_records, c, e) == 0 &&
        link_ev_open(&c->link, e) == 0) {
        ev_fd_want(c->records, EV_FD_READ);
        link_ev_send(&c->link, (struct link_msg){.type = LINK_READY, .number = place->generation});
        ev_uv_run(c->ev);
        UNUSED(read_records(c, QUEUE_MOST)); /* what workers sent last */
        while (bury_all(c)) {
        }
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
