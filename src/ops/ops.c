/*
 * ops.c - see ops.h.
 *
 * A record costs the turn in which it comes a few additions and a copy of one line; writing
 * happens once at the end of the turn, for all lines of it. When the log's reader is slow the
 * queue fills and lines are dropped and counted: no answer ever waits for a log.
 */
#include "ops/ops.h"

#include "base/mem.h"
#include "ops/collect.h"
#include "ops/ops_impl.h"
#include "ops/trial.h"
#include "record/log.h"

#define SERIES_MAX    ((size_t)20000)
#define LOG_QUEUE_MAX ((size_t)1024 * 1024)
#define LOG_RETRY_MS  20

/* ---- the access log ---- */

void ops_flush(struct ops *o)
{
    struct err e;

    if (!logfile_flush(o->log) && ev_timer_set(&o->flush_more, EV_MS(LOG_RETRY_MS), &e) < 0)
        return; /* no memory for a timer: the next line tries again */
}

static void on_flush(struct ev_post *p)
{
    ops_flush(CONTAINER_OF(p, struct ops, flush));
}

static void on_flush_more(struct ev_timer *t)
{
    ops_flush(CONTAINER_OF(t, struct ops, flush_more));
}

static int open_log(struct ops *o, struct err *e)
{
    char path[4096];
    struct span file = o->settings->log.file;

    if (!o->settings->log.access) {
        logfile_close(o->log);
        return 0;
    }
    if (!span_has(file))
        return o->conf.log_fd < 0 ? 0 : logfile_use(o->log, o->conf.log_fd, e);
    if (file.n >= sizeof(path))
        return err_set(e, ERR_CONFIG, "telemetry.log.file: the path is too long");
    memcpy(path, file.p, file.n);
    path[file.n] = '\0';
    return logfile_open(o->log, path, e);
}

static void log_record(struct ops *o, const struct record *r)
{
    if (!o->settings->log.access)
        return;
    buf_reset(&o->line);
    record_log_line(&o->line, r);
    if (!buf_ok(&o->line))
        return; /* no memory even for a line */
    logfile_line(o->log, buf_span(&o->line));
    ev_post(o->ev, &o->flush);
}

/* ---- clocks ---- */

static void say_credentials(struct ops *o, const struct view *v)
{
    char line[CREDS_TEXT];
    struct granted g;
    size_t at = 0;

    for (const struct settings_provider *p; (p = view_credential(v, &at, &g));)
        if (creds_say(&o->creds, p->name, p->credential.source->name, &g, v->now_us, line) &&
            o->conf.say)
            o->conf.say(o->conf.arg, line);
}

static void on_tick(struct ev_timer *t)
{
    struct ops *o = CONTAINER_OF(t, struct ops, tick);
    struct view v;
    struct err e;

    ops_view(o, &v);
    o->totals[o->totals_n++ % ARRAY_LEN(o->totals)] = VIEW_SUM(&v, requests);
    say_credentials(o, &v);
    if (ev_timer_set(&o->tick, EV_S(1), &e) < 0)
        o->totals_n = 0; /* no memory for a timer: no rate is shown any more */
}

static double requests_per_s(const struct ops *o)
{
    size_t seconds = MIN(o->totals_n, ARRAY_LEN(o->totals));
    uint64_t last, first;

    if (seconds < 2)
        return 0;
    last = o->totals[(o->totals_n - 1) % ARRAY_LEN(o->totals)];
    first = o->totals[(o->totals_n - seconds) % ARRAY_LEN(o->totals)];
    return (double)(last - MIN(first, last)) / (double)(seconds - 1);
}

void ops_view(const struct ops *o, struct view *ret)
{
    *ret = (struct view){
        .board = o->conf.board,
        .workers = o->conf.workers,
        .now_us = ev_now(o->ev),
        .wall_ms = ev_wall_ms(o->ev),
        .settings = o->settings,
        .first = o->conf.first,
        .targets = &o->targets,
        .log_dropped = logfile_dropped(o->log),
        .requests_per_s = requests_per_s(o),
    };
}

/* ---- life ---- */

int ops_new(struct ops **ret, const struct ops_conf *conf, struct settings *settings, struct err *e)
{
    struct ops *o = mem_zalloc(1, sizeof(*o));
    int rc = -1;

    MUST(ret && conf && conf->first && settings && e && conf->workers <= BOARD_WORKERS);
    if (!o)
        return err_set(e, ERR_NOMEM, "ops: no memory");
    o->conf = *conf;
    o->ev = net_ev(conf->net);
    o->settings = settings_ref(settings);
    o->conf.first = settings_ref(conf->first);
    buf_init(&o->line, RECORD_LINE_MAX);
    list_init(&o->answers);
    ev_post_init(&o->flush, on_flush);
    ev_timer_init(&o->flush_more, o->ev, on_flush_more);
    ev_timer_init(&o->tick, o->ev, on_tick);
    if (metrics_new(&o->metrics, SERIES_MAX, ev_random_u64(o->ev), e) < 0 ||
        recent_new(&o->recent, e) < 0 ||
        history_new(&o->history, conf->history ? conf->history : HISTORY_BYTES, e) < 0 ||
        logfile_new(&o->log, LOG_QUEUE_MAX, e) < 0 || open_log(o, e) < 0 ||
        ev_timer_set(&o->tick, 0, e) < 0 || admin_open(o, e) < 0)
        goto out;
    recent_turn(o->recent, ev_now(o->ev));
    o->began_ms = ev_wall_ms(o->ev);
    *ret = o;
    o = NULL;
    rc = 0;
out:
    ops_free(&o);
    return rc;
}

void ops_free(struct ops **op)
{
    struct ops *o = *op;

    *op = NULL;
    if (!o)
        return;
    admin_close(o);
    ev_post_cancel(&o->flush);
    ev_timer_stop(&o->flush_more);
    ev_timer_stop(&o->tick);
    logfile_free(&o->log);
    buf_fini(&o->line);
    history_free(&o->history);
    recent_free(&o->recent);
    metrics_free(&o->metrics);
    settings_unref(&o->settings);
    settings_unref(&o->conf.first);
    mem_free(o);
}

int ops_settings(struct ops *o, struct settings *settings, struct err *e)
{
    settings_ref(settings);
    settings_unref(&o->settings);
    o->settings = settings;
    return open_log(o, e);
}

enum trial_verdict ops_judge(const struct ops *o, enum settings_unproven *ret)
{
    struct view v;

    ops_view(o, &v);
    *ret = o->settings->reload.unproven;
    return trial_verdict_now(&v);
}

void ops_record(struct ops *o, const struct record *r)
{
    char line[UNPRICED_TEXT];

    collect_record(o->metrics, r);
    targets_add(&o->targets, r, ev_now(o->ev));
    history_add(o->history, r);
    if (r->more) /* of its request there will be another one */
        return;
    recent_add(o->recent, r, ev_now(o->ev));
    log_record(o, r);
    if (unpriced_add(&o->unpriced, r, ev_now(o->ev), line) && o->conf.say)
        o->conf.say(o->conf.arg, line);
}
