/*
 * supervise.c - see supervise.h.
 */
#include "engine/supervise.h"

#include "base/mem.h"
#include "engine/ask.h"

#define START_MS       600000u  /* a large model loads for minutes */
#define PROBE_MS       250u     /* while it starts */
#define WATCH_MS       2000u    /* once it is ready */
#define ANSWER_MS      5000u    /* longest wait for a probe's answer ... */
#define ANSWER_MAX     1048576u /* ... and its longest */
#define FALL           3
#define BACKOFF_MS     1000u
#define BACKOFF_MAX_MS 60000u
#define FORGET_MS      300000u

struct engine {
    struct supervise *s;
    uint32_t index;
    const struct settings_engine *conf;
    enum board_engine_state state;
    bool known; /* the master has spoken of it */
    uint64_t pid;
    ev_us since; /* of the state */
    uint64_t backoff_ms;
    unsigned failures;     /* probes in a row */
    struct ev_timer timer; /* next start or next probe */
    struct ask ask;        /* the probe */
};

struct supervise {
    struct supervise_conf conf;
    struct settings *settings;
    struct engine *engines;
    size_t n;
};

static void say(const struct engine *g, const char *what)
{
    char line[256];

    if (snprintf(line, sizeof(line), "engine %.*s: %s", SPAN_FMT(g->conf->provider->name), what) >
        0)
        g->s->conf.say(g->s->conf.arg, line);
}

static void set_state(struct engine *g, enum board_engine_state state)
{
    g->state = state;
    g->since = ev_now(g->s->conf.ev);
    board_set(&g->s->conf.board->engines[g->index].state, state);
}

static void set_timer(struct engine *g, struct ev_timer *t, uint64_t ms)
{
    struct err e;

    if (ev_timer_set(t, EV_MS(ms), &e) < 0)
        say(g, "no memory for a timer; it is not watched any more");
}

static void start(struct engine *g)
{
    set_state(g, ENGINE_STARTING);
    g->failures = 0;
    say(g, "starting");
    g->s->conf.start(g->s->conf.arg, g->index);
    set_timer(g, &g->timer, PROBE_MS);
}

static void stop(struct engine *g, const char *why)
{
    say(g, why);
    set_state(g, ENGINE_DOWN);
    ev_timer_stop(&g->timer);
    g->s->conf.stop(g->s->conf.arg, g->index);
}

/* ---- probes ---- */

static void judge(struct engine *g, bool ok)
{
    ev_us now = ev_now(g->s->conf.ev);

    g->failures = ok ? 0 : g->failures + 1;
    if (g->state == ENGINE_STARTING && ok) {
        set_state(g, ENGINE_READY);
        say(g, "ready");
    } else if (g->state == ENGINE_STARTING && now - g->since > EV_MS(START_MS)) {
        stop(g, "not ready in time; stopping it");
        return;
    } else if (g->state == ENGINE_READY && g->failures >= FALL) {
        stop(g, "does not answer any more; stopping it");
        return;
    }
    if (g->state == ENGINE_READY && now - g->since > EV_MS(FORGET_MS))
        g->backoff_ms = BACKOFF_MS;
    set_timer(g, &g->timer, g->state == ENGINE_READY ? WATCH_MS : PROBE_MS);
}

static void on_answer(void *arg, const struct ask_answer *a)
{
    judge(arg, a->end == ASK_ANSWERED && a->status == 200);
}

static int begin_probe(struct engine *g, struct err *e)
{
    struct ask_conf q = {.pools = g->s->conf.pools,
                         .provider = g->conf->provider,
                         .url = &g->conf->provider->urls[0],
                         .path = g->conf->ready_path,
                         .most_ms = ANSWER_MS,
                         .most_bytes = ANSWER_MAX,
                         .done = on_answer,
                         .arg = g};

    return ask_begin(&g->ask, &q, e);
}

static void on_timer(struct ev_timer *t)
{
    struct engine *g = CONTAINER_OF(t, struct engine, timer);
    struct err e;

    if (g->state == ENGINE_DOWN)
        start(g);
    else if (begin_probe(g, &e) < 0)
        judge(g, false);
}

/* ---- the master's word ---- */

static void process_ended(struct engine *g)
{
    ask_stop(&g->ask);
    set_state(g, ENGINE_DOWN);
    board_add(&g->s->conf.board->engines[g->index].restarts, 1);
    set_timer(g, &g->timer, g->backoff_ms);
    g->backoff_ms = MIN(g->backoff_ms * 2, (uint64_t)BACKOFF_MAX_MS);
}

void supervise_state(struct supervise *s, uint32_t index, uint64_t pid, int status)
{
    struct engine *g;
    bool first;

    UNUSED(status);
    if (index >= s->n)
        return;
    g = &s->engines[index];
    first = !g->known;
    g->known = true;
    if (first && !pid) {
        start(g);
    } else if (first) { /* it outlived the keeper before us */
        set_state(g, ENGINE_STARTING);
        set_timer(g, &g->timer, 0);
    } else if (!pid && g->pid) {
        process_ended(g);
    } else if (!pid && g->state == ENGINE_STARTING) { /* it could not be started */
        process_ended(g);
    }
    g->pid = pid;
}

int supervise_new(struct supervise **ret, const struct supervise_conf *conf,
                  struct settings *settings, struct err *e)
{
    struct supervise *s = mem_zalloc(1, sizeof(*s));

    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for the engines");
    s->engines = mem_zalloc(settings->engines_n, sizeof(*s->engines));
    if (!s->engines) {
        mem_free(s);
        return err_set(e, ERR_NOMEM, "no memory for the engines");
    }
    s->conf = *conf;
    s->settings = settings_ref(settings);
    s->n = settings->engines_n;
    for (size_t i = 0; i < s->n; i++) {
        struct engine *g = &s->engines[i];

        g->s = s;
        g->index = (uint32_t)i;
        g->conf = &settings->engines[i];
        g->backoff_ms = BACKOFF_MS;
        ev_timer_init(&g->timer, conf->ev, on_timer);
        ask_init(&g->ask, conf->ev);
        set_state(g, ENGINE_DOWN);
    }
    *ret = s;
    return 0;
}

void supervise_free(struct supervise **sp)
{
    struct supervise *s = *sp;

    *sp = NULL;
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        ev_timer_stop(&s->engines[i].timer);
        ask_fini(&s->engines[i].ask);
    }
    settings_unref(&s->settings);
    mem_free(s->engines);
    mem_free(s);
}
