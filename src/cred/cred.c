/*
 * cred.c - see cred.h. One entry for each provider whose credentials come from a source.
 *
 *     EMPTY    -- cred_get() -->                 FETCHING  who asks waits
 *     FETCHING -- a grant -->                    GOOD      all who wait get it
 *     FETCHING -- failed -->                     EMPTY     all who wait are told why; until the
 *                                                          back-off is over, whoever asks is, too
 *     GOOD     -- its time comes, it was used -> GOOD      and a fetch runs beside it
 *     GOOD     -- ... and was not used -->       GOOD      until it ends
 *     GOOD     -- that fetch gave one -->        GOOD      the new one
 *     GOOD     -- that fetch failed -->          GOOD      the old one; tried again, with back-off
 *     GOOD     -- it ends, or was refused -->    EMPTY     (or FETCHING, if a fetch runs)
 *
 * Its time comes LEAD before the end, or a fifth of its life if that is less; up to a quarter
 * earlier by chance, so that workers and machines do not all ask at once.
 *
 * Lifetimes are counted by the monotonic clock from the moment when they were told: what happens
 * to the wall clock later does not matter.
 *
 * What people see of an entry is its place on the board. Only the newest snapshot's have one: its
 * providers have names of their own, an older one's may have the same name and another source.
 *
 * Invariants: (1) at most one fetch an entry, however many wait;
 *             (2) whoever waits, waits for a fetch that runs;
 *             (3) a fetch asks nobody more often than once in RETRY_LEAST, but for a refusal.
 */
#include "cred/cred.h"

#include "base/mem.h"
#include "board/granted.h"
#include "cred/fetch.h"

#define LEAD        EV_S(300)
#define LIFE_MOST   ((uint64_t)86400) /* seconds; what lives longer is renewed as if it did not */
#define RETRY_LEAST EV_S(1)
#define RETRY_MOST  EV_S(60)
#define REFUSED     EV_S(10) /* a second refusal within it is not the credential's fault */

struct entry {
    struct list link;
    struct cred_store *store;
    struct settings *settings; /* a reference: has the provider */
    const struct settings_provider *provider;
    bool current; /* the newest snapshot has it */
    struct cred *now;
    ev_us until;    /* when `now` ends */
    ev_us renew_at; /* when a fetch has to begin beside it */
    bool used;      /* since it was fetched */
    struct fetch *fetch;
    struct list waiting;
    struct ev_timer timer;
    unsigned failures; /* in a row */
    ev_us retry_at;    /* no fetch before */
    struct err why;
    ev_us refused_at;         /* 0: never */
    struct board_cred *place; /* NULL: it is not shown */
};

struct cred_store {
    struct ev *ev;
    struct call_pools *pools;
    struct settings *settings; /* the newest snapshot; NULL: none yet */
    struct list entries;
    struct board_cred *shown; /* a row of places; NULL: nothing is shown */
};

/* ---- credentials ---- */

static struct cred *ref(struct cred *c)
{
    c->refs++;
    return c;
}

void cred_unref(struct cred **cp)
{
    struct cred *c = *cp;

    *cp = NULL;
    if (!c || --c->refs > 0)
        return;
    secret_arena_free(&c->memory);
    mem_free(c);
}

static int cred_new(struct cred **ret, const struct token_grant *g, struct err *e)
{
    const struct span from[] = {g->token, g->id, g->secret, g->session};
    struct span *to[ARRAY_LEN(from)];
    struct cred *c = mem_zalloc(1, sizeof(*c));
    struct secret s;
    size_t n = 1;

    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for a credential");
    c->refs = 1;
    c->grant.lifetime_s = g->lifetime_s;
    to[0] = &c->grant.token;
    to[1] = &c->grant.id;
    to[2] = &c->grant.secret;
    to[3] = &c->grant.session;
    for (size_t i = 0; i < ARRAY_LEN(from); i++)
        n += from[i].n;
    if (secret_arena_new(&c->memory, n, e) < 0) {
        cred_unref(&c);
        return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(from); i++) {
        if (!span_has(from[i]))
            continue;
        MUST(secret_put(c->memory, &s, from[i], SPAN_LIT("a token"), e) == 0); /* made to fit */
        *to[i] = s.bytes;
    }
    *ret = c;
    return 0;
}

/* ---- entries ---- */

static void on_timer(struct ev_timer *t);

static void drop_now(struct entry *it)
{
    cred_unref(&it->now);
    if (it->place)
        board_set(&it->place->until_ms, 0);
}

/* ---- what people see ---- */

static void show(struct entry *it)
{
    struct ev *ev = it->store->ev;
    ev_us now = ev_now(ev);

    if (!it->store->shown || !it->provider->credential.source->steps_n)
        return; /* keys of the configuration do not end, and are not fetched */
    if (!it->place)
        it->place = granted_take(it->store->shown, it->provider->name);
    if (it->place && it->now)
        board_set(&it->place->until_ms, ev_wall_ms(ev) + (MAX(it->until, now) - now) / 1000);
}

static void hide(struct entry *it)
{
    if (it->place)
        granted_leave(it->place);
    it->place = NULL;
}

static void show_success(struct entry *it)
{
    if (!it->place)
        return;
    show(it);
    board_add(&it->place->fetched, 1);
    board_set(&it->place->failed_ms, 0);
}

static void show_failure(struct entry *it)
{
    if (it->place)
        granted_failed(it->place, ev_wall_ms(it->store->ev), it->why.text);
}

static void entry_free(struct entry *it)
{
    MUST(list_empty(&it->waiting));
    list_del(&it->link);
    ev_timer_stop(&it->timer);
    fetch_free(&it->fetch);
    drop_now(it);
    hide(it);
    settings_unref(&it->settings);
    mem_free(it);
}

static bool same_source(const struct settings_provider *a, const struct settings_provider *b)
{
    const struct settings_credential *x = &a->credential, *y = &b->credential;

    if (x->source != y->source || !span_eq(a->name, b->name))
        return false;
    for (size_t i = 0; i < TOKEN_VALUES; i++)
        if (!secret_eq(x->conf.v[i], y->conf.v[i]))
            return false;
    return true;
}

static struct entry *find(struct cred_store *s, const struct settings_provider *provider)
{
    LIST_EACH(it, &s->entries)
    {
        if (LIST_ENTRY(it, struct entry, link)->provider == provider)
            return LIST_ENTRY(it, struct entry, link);
    }
    LIST_EACH(it, &s->entries) /* of another snapshot */
    {
        if (same_source(LIST_ENTRY(it, struct entry, link)->provider, provider))
            return LIST_ENTRY(it, struct entry, link);
    }
    return NULL;
}

/* Keys that are in the configuration are there at once, and do not end. */
static int take_fixed(struct entry *it, struct err *e)
{
    const struct settings_credential *c = &it->provider->credential;
    const struct token_grant g = {.id = c->conf.v[TOKEN_ID],
                                  .secret = c->conf.v[TOKEN_SECRET],
                                  .session = c->conf.v[TOKEN_SESSION],
                                  .lifetime_s = TOKEN_NEVER};

    if (c->source->steps_n)
        return 0;
    it->until = it->renew_at = UINT64_MAX;
    return cred_new(&it->now, &g, e);
}

/* NULL: *e says why. */
static struct entry *add(struct cred_store *s, struct settings *settings,
                         const struct settings_provider *provider, struct err *e)
{
    struct entry *it = mem_zalloc(1, sizeof(*it));

    if (!it) {
        err_set(e, ERR_NOMEM, "no memory for a credential");
        return NULL;
    }
    it->store = s;
    it->settings = settings_ref(settings);
    it->provider = provider;
    it->current = settings == s->settings;
    list_init(&it->link);
    list_init(&it->waiting);
    ev_timer_init(&it->timer, s->ev, on_timer);
    list_push(&s->entries, &it->link);
    if (take_fixed(it, e) == 0) {
        if (it->current)
            show(it);
        return it;
    }
    entry_free(it);
    return NULL;
}

/* ---- fetching ---- */

static void arm(struct entry *it, ev_us at)
{
    ev_us now = ev_now(it->store->ev);
    struct err e;

    if (ev_timer_set(&it->timer, at > now ? at - now : 0, &e) < 0)
        UNUSED(e); /* then the next who asks begins the fetch */
}

/* A number below n, by chance. */
static ev_us jitter(const struct entry *it, ev_us n)
{
    return n ? ev_random_u64(it->store->ev) % n : 0;
}

/* All who wait get c, or hear why there is none. */
static void tell(struct entry *it, struct cred *c, const struct err *e)
{
    struct list waiting;

    list_init(&waiting); /* who is told may ask again, and wait anew */
    while (!list_empty(&it->waiting)) {
        struct list *l = it->waiting.next;

        list_del(l);
        list_push(&waiting, l);
    }
    while (!list_empty(&waiting)) {
        struct cred_wait *w = LIST_ENTRY(waiting.next, struct cred_wait, link);

        list_del(&w->link);
        w->fn(w, c ? ref(c) : NULL, e);
    }
}

static void failed(struct entry *it, const struct err *e)
{
    ev_us wait = MIN(RETRY_LEAST << MIN(it->failures, 6U), RETRY_MOST);

    it->failures++;
    it->why = *e;
    it->retry_at = ev_now(it->store->ev) + wait + jitter(it, wait / 4);
    show_failure(it);
    if (it->now)
        arm(it, MIN(it->retry_at, it->until));
}

static void took(struct entry *it, uint64_t lifetime_s)
{
    ev_us life = EV_S(MIN(lifetime_s, LIFE_MOST)), lead = MIN(LEAD, life / 5);

    it->until = ev_now(it->store->ev) + life;
    it->renew_at = it->until - lead - jitter(it, lead / 4);
    it->used = !list_empty(&it->waiting);
    it->failures = 0;
    it->retry_at = 0;
    show_success(it);
    arm(it, it->renew_at);
}

static void on_fetched(void *arg, const struct token_grant *g, const struct err *e)
{
    struct entry *it = arg;
    struct cred *c = NULL;
    struct err why;

    if (g && cred_new(&c, g, &why) < 0)
        e = &why;
    if (c) {
        drop_now(it);
        it->now = ref(c);
        took(it, g->lifetime_s);
    } else {
        failed(it, e);
        e = &it->why;
    }
    fetch_free(&it->fetch);
    tell(it, c, e);
    cred_unref(&c);
    if (!it->current && !it->fetch && list_empty(&it->waiting))
        entry_free(it); /* it was for requests of an older snapshot */
}

static int fetch(struct entry *it, struct err *e)
{
    struct cred_store *s = it->store;

    if (it->fetch)
        return 0;
    ev_timer_stop(&it->timer);
    if (fetch_start(&it->fetch, s->ev, s->pools, it->settings, &it->provider->credential,
                    on_fetched, it, e) == 0)
        return 0;
    failed(it, e);
    return -1;
}

static void on_timer(struct ev_timer *t)
{
    struct entry *it = CONTAINER_OF(t, struct entry, timer);
    struct err e;

    if (it->now && ev_now(it->store->ev) >= it->until)
        drop_now(it);
    if (!it->now)
        return;
    if (!it->used)
        arm(it, it->until);
    else if (fetch(it, &e) < 0)
        UNUSED(e); /* failed() has noted it */
}

/* ---- for the owner ---- */

int cred_store_new(struct cred_store **ret, struct ev *ev, struct call_pools *pools,
                   struct board_cred *shown, struct err *e)
{
    struct cred_store *s = mem_zalloc(1, sizeof(*s));

    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for credentials");
    s->ev = ev;
    s->pools = pools;
    s->shown = shown;
    if (shown)
        granted_clear(shown);
    list_init(&s->entries);
    *ret = s;
    return 0;
}

void cred_store_free(struct cred_store **sp)
{
    struct cred_store *s = *sp;

    *sp = NULL;
    if (!s)
        return;
    LIST_EACH(it, &s->entries)
    {
        entry_free(LIST_ENTRY(it, struct entry, link));
    }
    settings_unref(&s->settings);
    mem_free(s);
}

static void adopt(struct entry *it, struct settings *settings,
                  const struct settings_provider *provider)
{
    struct settings *old = it->settings;

    it->settings = settings_ref(settings);
    it->provider = provider;
    it->current = true;
    settings_unref(&old);
}

void cred_store_use(struct cred_store *s, struct settings *settings)
{
    struct settings *old = s->settings;

    s->settings = settings_ref(settings);
    settings_unref(&old);
    LIST_EACH(it, &s->entries)
    {
        LIST_ENTRY(it, struct entry, link)->current = false;
    }
    for (size_t i = 0; i < settings->providers_n; i++) {
        const struct settings_provider *p = &settings->providers[i];
        struct entry *it = p->credential.source ? find(s, p) : NULL;

        if (it)
            adopt(it, settings, p);
    }
    LIST_EACH(it, &s->entries)
    {
        struct entry *x = LIST_ENTRY(it, struct entry, link);

        if (!x->current)
            hide(x);
        if (!x->current && list_empty(&x->waiting))
            entry_free(x);
    }
    LIST_EACH(it, &s->entries) /* in places that are free by now */
    {
        if (LIST_ENTRY(it, struct entry, link)->current)
            show(LIST_ENTRY(it, struct entry, link));
    }
}

void cred_wait_init(struct cred_wait *w,
                    void (*fn)(struct cred_wait *w, struct cred *c, const struct err *e))
{
    w->fn = fn;
    list_init(&w->link);
}

void cred_wait_cancel(struct cred_wait *w)
{
    list_del(&w->link);
}

enum cred_answer cred_get(struct cred_store *s, struct settings *settings,
                          const struct settings_provider *provider, struct cred **ret,
                          struct cred_wait *w, struct err *e)
{
    struct entry *it = find(s, provider);
    ev_us now = ev_now(s->ev);

    if (!it)
        it = add(s, settings, provider, e);
    if (!it)
        return CRED_FAILED;
    it->used = true;
    if (it->now && now < it->until) {
        if (now >= it->renew_at && now >= it->retry_at && fetch(it, e) < 0)
            UNUSED(e); /* there is one still */
        *ret = ref(it->now);
        return CRED_READY;
    }
    if (!it->fetch && now < it->retry_at) {
        *e = it->why;
        return CRED_FAILED;
    }
    if (fetch(it, e) < 0)
        return CRED_FAILED;
    list_push(&it->waiting, &w->link);
    return CRED_WAIT;
}

bool cred_refused(struct cred_store *s, const struct settings_provider *provider,
                  const struct cred *c)
{
    struct entry *it = find(s, provider);
    ev_us now = ev_now(s->ev);

    if (!it || !provider->credential.source->steps_n)
        return false;
    if (it->now != c)
        return true;
    if (it->refused_at && now - it->refused_at < REFUSED)
        return false;
    it->refused_at = now;
    drop_now(it);
    return true;
}
