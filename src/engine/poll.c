/*
 * poll.c - see poll.h. An endpoint's round:
 *
 *     rest --timer--> ask place 0 --answered--> ask place 1 ... --> note what was heard --> rest
 *                        |  |
 *                        |  `-- not there: left out of the rounds for POLL_AGAIN_MS
 *                        `-- no connection, no answer: note DOWN or SILENT --> rest
 */
#include "engine/poll.h"

#include "base/list.h"
#include "base/mem.h"
#include "engine/ask.h"
#include "engine/probe.h"

#define JITTER 10 /* a part of an interval */

struct endpoint {
    struct list link;
    struct poll *p;
    uint64_t id;
    const struct settings_provider *provider;
    const struct settings_url *url;
    const struct signals_source *source;
    struct board_endpoint *row; /* NULL: the board is full; it is asked, and nobody hears of it */
    struct ev_timer next, late;
    struct http_stream *stream;
    size_t place; /* of source->places */
    bool goes_on; /* the round is not over: there may be a next place */
    bool connected;
    ev_us began; /* the round */
    ev_us again[SIGNALS_PLACES];
    enum endpoint_state state, told; /* of this round, and what people have been told ... */
    ev_us told_at;                   /* ... then; 0: nothing yet */
    uint64_t kv_tokens;              /* of /slots, which are not asked in each round */
    struct signals signals;
    uint64_t made[2];    /* SIGNAL_PROGRESS and SIGNAL_KV_USED, when they last changed ... */
    ev_us made_at;       /* ... which was then */
    struct probe *probe; /* NULL: none is under way */
    bool hung;           /* the last one has not been answered */
    uint16_t status;
    uint64_t got;
    bool supervised; /* how it does is said by others (supervise.h) */
    struct buf body;
    struct signals_page page;
};

struct poll {
    struct poll_conf conf;
    struct settings *settings;
    struct list endpoints;
};

static void wake(struct endpoint *g, ev_us after)
{
    struct err e;

    if (ev_timer_set(&g->next, after, &e) < 0)
        g->p->conf.say(g->p->conf.arg, "no memory for a timer; an engine is not asked any more");
}

static void rest(struct endpoint *g)
{
    uint64_t ms = g->provider->poll_ms, part = ms / JITTER;
    ev_us now = ev_now(g->p->conf.ev), next;

    ms = ms - part + ev_random_u64(g->p->conf.ev) % (2 * part + 1);
    next = g->began + EV_MS(ms);
    g->goes_on = false;
    wake(g, next > now ? next - now : 0);
}

/* ---- a round's end ---- */

/* Of one that comes and goes all the time they hear now and then. */
static void tell_people(struct endpoint *g)
{
    bool news = g->told != ENDPOINT_UNKNOWN || g->state != ENDPOINT_READY;
    ev_us now = ev_now(g->p->conf.ev);
    char line[256];

    if (g->state == g->told || (g->told_at && now - g->told_at < EV_MS(POLL_TELL_MS)))
        return;
    if (!g->supervised && news &&
        snprintf(line, sizeof(line), "endpoint %.*s of %.*s: %s", SPAN_FMT(g->url->text),
                 SPAN_FMT(g->provider->name), endpoints_state_name(g->state)) > 0)
        g->p->conf.say(g->p->conf.arg, line);
    g->told = g->state;
    g->told_at = news ? now : 0;
}

static void end_answer(struct endpoint *g)
{
    ev_timer_stop(&g->late);
    http_stream_close(&g->stream, HTTP_CLOSE_DONE);
}

static void on_probed(void *arg, bool answered)
{
    struct endpoint *g = arg;

    probe_free(&g->probe);
    g->hung = !answered;
    g->made_at = answered ? ev_now(g->p->conf.ev) : g->made_at;
}

/* What it says of this moves nothing where it does not say it. */
static bool says_what_it_makes(const struct endpoint *g)
{
    return g->state == ENDPOINT_READY && g->signals.of[SIGNAL_PROGRESS] != SIGNAL_UNKNOWN &&
           g->signals.of[SIGNAL_RUNNING] != SIGNAL_UNKNOWN;
}

/* Has it made anything since it last said so, or nothing to make? */
static bool is_at_work(struct endpoint *g)
{
    const uint64_t *of = g->signals.of;
    bool same = g->made[0] == of[SIGNAL_PROGRESS] && g->made[1] == of[SIGNAL_KV_USED];

    g->made[0] = of[SIGNAL_PROGRESS];
    g->made[1] = of[SIGNAL_KV_USED];
    return of[SIGNAL_RUNNING] == 0 || !same;
}

static void suspect(struct endpoint *g)
{
    struct probe_conf conf = {.ev = g->p->conf.ev,
                              .pools = g->p->conf.pools,
                              .provider = g->provider,
                              .url = g->url,
                              .done = on_probed,
                              .arg = g};
    ev_us now = ev_now(g->p->conf.ev);
    struct err e;

    if (says_what_it_makes(g) && is_at_work(g)) {
        probe_free(&g->probe);
        g->made_at = now;
        g->hung = false;
    } else if (says_what_it_makes(g) && !g->probe && now - g->made_at >= (ev_us)POLL_STUCK_US &&
               probe_start(&g->probe, &conf, &e) < 0) {
        UNUSED(e); /* the next round tries again */
    }
    if (g->hung && g->state == ENDPOINT_READY)
        g->state = ENDPOINT_HUNG;
}

/* Who has nothing to do uses nothing of its cache, and is not asked for it (SIGNALS_AT_WORK). */
static void remember_slots(struct endpoint *g)
{
    uint64_t *of = g->signals.of;

    if (of[SIGNAL_KV_TOKENS] != SIGNAL_UNKNOWN) {
        g->kv_tokens = of[SIGNAL_KV_TOKENS];
    } else if (g->kv_tokens && g->state == ENDPOINT_READY && of[SIGNAL_RUNNING] == 0) {
        of[SIGNAL_KV_TOKENS] = g->kv_tokens;
        of[SIGNAL_KV_USED] = 0;
    }
}

static void end_round(struct endpoint *g)
{
    end_answer(g);
    remember_slots(g);
    signals_derive(&g->signals);
    suspect(g);
    tell_people(g);
    if (g->row) {
        for (size_t i = 0; i < SIGNALS; i++)
            board_set(&g->row->signals[i], g->signals.of[i]);
        board_set(&g->row->state, g->state);
        board_set(&g->row->stale_us, MAX(POLL_STALE_US, 2 * (uint64_t)EV_MS(g->provider->poll_ms)));
        board_set(&g->row->seen_us, ev_now(g->p->conf.ev));
    }
    rest(g);
}

/* Nothing that was heard of it in this round counts. */
static void lost(struct endpoint *g, enum endpoint_state state)
{
    signals_init(&g->signals);
    g->state = state;
    end_round(g);
}

/* ---- an answer ---- */

static const struct signals_place *place_of(const struct endpoint *g)
{
    return &g->source->places[g->place];
}

/* In a turn of its own: by then the connection is free again. */
static void next_place(struct endpoint *g)
{
    end_answer(g);
    g->place++;
    g->goes_on = true;
    wake(g, 0);
}

static void not_there(struct endpoint *g)
{
    g->again[g->place] = ev_now(g->p->conf.ev) + EV_MS(POLL_AGAIN_MS);
}

/* An answer of another form is no news: what it should have said stays unknown. */
static void take_answer(struct endpoint *g)
{
    const struct signals_place *at = place_of(g);
    bool good = g->status >= 200 && g->status < 300;
    struct err e;

    if (at->form == SIGNALS_HEALTH)
        g->state = signals_health(g->status, buf_span(&g->body));
    else if (!good && at->when != SIGNALS_EACH_ROUND && g->status != 503)
        not_there(g);
    else if (good && at->form == SIGNALS_PROM)
        signals_page_end(&g->page, &g->signals);
    else if (good && signals_read(&g->signals, &g->state, at->form, buf_span(&g->body), &e) < 0)
        UNUSED(e);
}

static void on_head(void *arg, const struct http_head *h)
{
    struct endpoint *g = arg;

    g->status = h->status;
}

/* Too long for what it should be: it is not read on. */
static void too_long(struct endpoint *g)
{
    not_there(g);
    next_place(g);
}

static void on_body(void *arg, const char *p, size_t n)
{
    struct endpoint *g = arg;

    http_consumed(g->stream, n);
    g->got += n;
    if (place_of(g)->form == SIGNALS_PROM && g->status == 200)
        signals_page_feed(&g->page, p, n);
    else
        buf_add(&g->body, p, n);
    if (g->got > POLL_PAGE_MAX || !buf_ok(&g->body))
        too_long(g);
}

static void on_end(void *arg)
{
    struct endpoint *g = arg;

    take_answer(g);
    next_place(g);
}

static void on_sent(void *arg, size_t n)
{
    UNUSED(arg);
    UNUSED(n);
}

/* Only who cannot be reached is known to be down: a kept connection ends for many reasons, and the
 * next round will tell. */
static void on_fail(void *arg, enum http_fail how, const struct err *e)
{
    struct endpoint *g = arg;

    UNUSED(how);
    UNUSED(e);
    if (g->connected && place_of(g)->when != SIGNALS_EACH_ROUND)
        next_place(g);
    else
        lost(g, g->connected ? ENDPOINT_UNKNOWN : ENDPOINT_DOWN);
}

static void on_late(struct ev_timer *t)
{
    struct endpoint *g = CONTAINER_OF(t, struct endpoint, late);

    lost(g, g->connected ? ENDPOINT_SILENT : ENDPOINT_DOWN);
}

static void on_connected(void *arg, bool pooled)
{
    struct endpoint *g = arg;

    UNUSED(pooled);
    g->connected = true;
}

static const struct http_stream_cb answer_cb = {
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_fail = on_fail,
};

/* ---- a question ---- */

static int send_question(struct endpoint *g, struct err *e)
{
    struct ask q = {.pools = g->p->conf.pools,
                    .provider = g->provider,
                    .url = g->url,
                    .path = span_str(place_of(g)->path),
                    .cb = &answer_cb,
                    .on_connected = on_connected,
                    .arg = g};

    return ask_begin(&g->stream, &q, e) < 0 ? -1 : ev_timer_set(&g->late, EV_MS(POLL_ANSWER_MS), e);
}

static bool is_left_out(const struct endpoint *g)
{
    bool idle = g->signals.of[SIGNAL_RUNNING] == 0 && g->kv_tokens;

    return g->again[g->place] > ev_now(g->p->conf.ev) ||
           (place_of(g)->when >= SIGNALS_AWAKE && g->state == ENDPOINT_RESTING) ||
           (place_of(g)->when == SIGNALS_AT_WORK && idle);
}

static void ask_place(struct endpoint *g)
{
    struct err e;

    while (place_of(g)->path && is_left_out(g))
        g->place++;
    if (!place_of(g)->path) {
        end_round(g);
        return;
    }
    g->status = 0;
    g->got = 0;
    g->connected = false;
    buf_reset(&g->body);
    if (place_of(g)->form == SIGNALS_PROM)
        signals_page_begin(&g->page, g->source);
    if (send_question(g, &e) < 0)
        lost(g, ENDPOINT_UNKNOWN); /* our own want */
}

static void on_next(struct ev_timer *t)
{
    struct endpoint *g = CONTAINER_OF(t, struct endpoint, next);

    if (!g->goes_on) {
        g->began = ev_now(g->p->conf.ev);
        g->place = 0;
        g->state = ENDPOINT_UNKNOWN;
        signals_init(&g->signals);
    }
    ask_place(g);
}

/* ---- who is asked ---- */

static void drop(struct endpoint *g)
{
    probe_free(&g->probe);
    end_answer(g);
    ev_timer_stop(&g->next);
    list_del(&g->link);
    buf_fini(&g->body);
    mem_free(g);
}

static struct endpoint *find(struct poll *p, uint64_t id)
{
    LIST_EACH(it, &p->endpoints)
    {
        struct endpoint *g = LIST_ENTRY(it, struct endpoint, link);

        if (g->id == id)
            return g;
    }
    return NULL;
}

static bool is_supervised(const struct settings *s, const struct settings_provider *provider)
{
    for (size_t i = 0; i < s->engines_n; i++)
        if (s->engines[i].provider == provider)
            return true;
    return false;
}

static void add(struct poll *p, struct list *to, const struct settings_provider *provider,
                const struct settings_url *url)
{
    uint64_t id = endpoints_id(provider->name, url->text);
    struct endpoint *g = find(p, id);

    if (!g) {
        g = mem_zalloc(1, sizeof(*g));
        if (!g) {
            p->conf.say(p->conf.arg, "no memory to ask an engine how it is");
            return;
        }
        g->p = p;
        g->id = id;
        list_init(&g->link);
        buf_init(&g->body, POLL_BODY_MAX);
        ev_timer_init(&g->next, p->conf.ev, on_next);
        ev_timer_init(&g->late, p->conf.ev, on_late);
    }
    probe_free(&g->probe); /* it goes by the old snapshot */
    g->provider = provider;
    g->url = url;
    g->source = signals_source(provider->type->name);
    g->supervised = is_supervised(p->settings, provider);
    g->row = endpoints_make(p->conf.board, id);
    list_del(&g->link);
    list_push(to, &g->link);
}

void poll_use(struct poll *p, struct settings *settings)
{
    struct settings *old = p->settings;
    struct list kept;

    list_init(&kept);
    p->settings = settings_ref(settings);
    for (size_t i = 0; i < settings->providers_n; i++) {
        const struct settings_provider *provider = &settings->providers[i];

        if (provider->poll_ms == 0 || !signals_source(provider->type->name))
            continue;
        for (size_t k = 0; k < provider->urls_n; k++)
            add(p, &kept, provider, &provider->urls[k]);
    }
    LIST_EACH(it, &p->endpoints)
    {
        struct endpoint *g = LIST_ENTRY(it, struct endpoint, link);

        endpoints_forget(p->conf.board, g->id);
        drop(g);
    }
    LIST_EACH(it, &kept)
    {
        struct endpoint *g = LIST_ENTRY(it, struct endpoint, link);

        list_del(&g->link);
        list_push(&p->endpoints, &g->link);
        if (g->began == 0) { /* it is new */
            g->began = ev_now(p->conf.ev);
            rest(g);
        }
    }
    settings_unref(&old);
}

int poll_new(struct poll **ret, const struct poll_conf *conf, struct err *e)
{
    struct poll *p = mem_zalloc(1, sizeof(*p));

    if (!p)
        return err_set(e, ERR_NOMEM, "no memory to ask engines how they are");
    p->conf = *conf;
    list_init(&p->endpoints);
    *ret = p;
    return 0;
}

void poll_free(struct poll **pp)
{
    struct poll *p = *pp;

    *pp = NULL;
    if (!p)
        return;
    LIST_EACH(it, &p->endpoints)
    {
        drop(LIST_ENTRY(it, struct endpoint, link));
    }
    settings_unref(&p->settings);
    mem_free(p);
}
