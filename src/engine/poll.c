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
#include "board/loads.h"
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
    struct ev_timer next;       /* round */
    struct ask ask;
    size_t place; /* of source->places */
    ev_us began;  /* the round */
    ev_us again[SIGNALS_PLACES];
    enum endpoint_state state, told; /* of this round, and what people have been told ... */
    ev_us told_at;                   /* ... then; 0: nothing yet */
    uint64_t kv_tokens;              /* of /slots, which are not asked in each round */
    struct signals signals;
    uint64_t made[2];    /* SIGNAL_PROGRESS and SIGNAL_KV_USED, when they last changed ... */
    ev_us made_at;       /* ... which was then */
    struct probe *probe; /* NULL: none is under way */
    bool hung;           /* the last one has not been answered */
    bool supervised;     /* how it does is said by others (supervise.h) */
    struct signals_page page;
};

struct poll {
    struct poll_conf conf;
    struct settings *settings;
    struct list endpoints;
};

static void rest(struct endpoint *g)
{
    uint64_t ms = g->provider->poll_ms, part = ms / JITTER;
    ev_us now = ev_now(g->p->conf.ev), next;
    struct err e;

    ms = ms - part + ev_random_u64(g->p->conf.ev) % (2 * part + 1);
    next = g->began + EV_MS(ms);
    if (ev_timer_set(&g->next, next > now ? next - now : 0, &e) < 0)
        g->p->conf.say(g->p->conf.arg, "no memory for a timer; an engine is not asked any more");
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

/* Who does not say what it uses has nothing foreign that is known. */
static void note_foreign(struct endpoint *g)
{
    uint64_t used = g->signals.of[SIGNAL_KV_USED], old = board_get(&g->row->foreign), more = 0;
    const struct board *b = g->p->conf.board;
    struct loads own;

    if (used != SIGNAL_UNKNOWN) {
        loads_sum(&own, b, g->p->conf.workers, (size_t)(g->row - b->endpoints));
        more = used - MIN(own.now, used);
    }
    board_set(&g->row->foreign, (3 * old + more) / 4);
}

static void end_round(struct endpoint *g)
{
    remember_slots(g);
    signals_derive(&g->signals);
    suspect(g);
    tell_people(g);
    if (g->row) {
        note_foreign(g);
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

/* ---- a place ---- */

static const struct signals_place *place_of(const struct endpoint *g)
{
    return &g->source->places[g->place];
}

static void not_there(struct endpoint *g)
{
    g->again[g->place] = ev_now(g->p->conf.ev) + EV_MS(POLL_AGAIN_MS);
}

/* An answer of another form is no news: what it should have said stays unknown. */
static void take_answer(struct endpoint *g, const struct ask_answer *a)
{
    const struct signals_place *at = place_of(g);
    bool good = a->status >= 200 && a->status < 300;
    struct err e;

    if (at->form == SIGNALS_HEALTH)
        g->state = signals_health(a->status, a->body);
    else if (!good && at->when != SIGNALS_EACH_ROUND && a->status != 503)
        not_there(g);
    else if (good && at->form == SIGNALS_PROM)
        signals_page_end(&g->page, &g->signals);
    else if (good && signals_read(&g->signals, &g->state, at->form, a->body, &e) < 0)
        UNUSED(e);
}

static void ask_on(struct endpoint *g);

static void on_bytes(void *arg, const char *p, size_t n)
{
    struct endpoint *g = arg;

    signals_page_feed(&g->page, p, n);
}

/* Only who cannot be reached is known to be down: a kept connection ends for many reasons, and the
 * next round will tell. */
static void on_answer(void *arg, const struct ask_answer *a)
{
    static const enum endpoint_state states[] = {[ASK_LATE] = ENDPOINT_SILENT,
                                                 [ASK_BROKEN] = ENDPOINT_UNKNOWN,
                                                 [ASK_UNREACHED] = ENDPOINT_DOWN};
    struct endpoint *g = arg;
    bool needed = place_of(g)->when == SIGNALS_EACH_ROUND;

    if (a->end == ASK_LATE || a->end == ASK_UNREACHED || (a->end == ASK_BROKEN && needed)) {
        lost(g, states[a->end]);
        return;
    }
    if (a->end == ASK_ANSWERED)
        take_answer(g, a);
    else if (a->end == ASK_TOO_LONG)
        not_there(g);
    g->place++;
    ask_on(g);
}

static bool is_left_out(const struct endpoint *g)
{
    bool idle = g->signals.of[SIGNAL_RUNNING] == 0 && g->kv_tokens;

    return g->again[g->place] > ev_now(g->p->conf.ev) ||
           (place_of(g)->when >= SIGNALS_AWAKE && g->state == ENDPOINT_RESTING) ||
           (place_of(g)->when == SIGNALS_AT_WORK && idle);
}

/* The next place of the round, if there is one. */
static void ask_on(struct endpoint *g)
{
    struct ask_conf q = {.pools = g->p->conf.pools,
                         .provider = g->provider,
                         .url = g->url,
                         .most_ms = POLL_ANSWER_MS,
                         .most_bytes = POLL_BODY_MAX,
                         .done = on_answer,
                         .arg = g};
    struct err e;

    while (place_of(g)->path && is_left_out(g))
        g->place++;
    if (!place_of(g)->path) {
        end_round(g);
        return;
    }
    q.path = span_str(place_of(g)->path);
    if (place_of(g)->form == SIGNALS_PROM) {
        signals_page_begin(&g->page, g->source);
        q.on_bytes = on_bytes;
        q.most_bytes = POLL_PAGE_MAX;
    }
    if (ask_begin(&g->ask, &q, &e) < 0)
        lost(g, ENDPOINT_UNKNOWN); /* our own want */
}

static void on_next(struct ev_timer *t)
{
    struct endpoint *g = CONTAINER_OF(t, struct endpoint, next);

    g->began = ev_now(g->p->conf.ev);
    g->place = 0;
    g->state = ENDPOINT_UNKNOWN;
    signals_init(&g->signals);
    ask_on(g);
}

/* ---- who is asked ---- */

static void drop(struct endpoint *g)
{
    probe_free(&g->probe);
    ask_fini(&g->ask);
    ev_timer_stop(&g->next);
    list_del(&g->link);
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
    struct endpoint *g = find(p, url->id);

    if (!g) {
        g = mem_zalloc(1, sizeof(*g));
        if (!g) {
            p->conf.say(p->conf.arg, "no memory to ask an engine how it is");
            return;
        }
        g->p = p;
        g->id = url->id;
        list_init(&g->link);
        ev_timer_init(&g->next, p->conf.ev, on_next);
        ask_init(&g->ask, p->conf.ev);
    }
    probe_free(&g->probe); /* it goes by the old snapshot */
    g->provider = provider;
    g->url = url;
    g->source = signals_source(provider->type->name);
    g->supervised = is_supervised(p->settings, provider);
    g->row = endpoints_make(p->conf.board, url->id);
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
