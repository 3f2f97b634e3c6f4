/*
 * pools.c - see pools.h. A short list: there are as many origins as the configuration names.
 *
 * TLS contexts are shared by CA file and by what they offer: reading a bundle takes tens of
 * milliseconds. They live as long as an entry that has them.
 *
 *     entry:  CURRENT -- call_pools_use() of a snapshot without it --> STALE
 *             STALE   -- ... of one that has it again -->              CURRENT
 *             STALE   -- sweep() finds it without a stream -->         freed
 *
 * Why a sweep by the clock and not at the end of the last stream: that end is told from inside
 * of the pool, whose connection goes back to it afterwards.
 */
#include "call/pools.h"

#include "base/mem.h"

#define KEY_MAX    ((size_t)4096)
#define TEXT_MAX   ((size_t)8192) /* of one entry's copies */
#define IDLE_MS    60000
#define AGE_MS     300000
#define IDLE_MOST  128
#define CONNS_MOST 16384
#define SWEEP_MS   1000
#define RECENT     16 /* a power of two */

struct entry {
    struct arena text; /* what dial points to */
    struct span key;
    struct dial_proxy proxy;
    struct tls_ctx *tls, *proxy_tls; /* toward the target and the proxy; NULL: clear text */
    struct http_pool *pool;
    bool stale; /* the newest snapshot does not have it */
};

struct context {
    char *ca_file; /* NULL: the system's */
    uint64_t ca_stamp;
    const char *alpn; /* one of the literals below */
    struct tls_ctx *tls;
};

/* Which pool a URL of a snapshot had when it was last asked for: the key takes longer to write than
 * the rest of a look-up. Forgotten whenever an entry or a snapshot goes, for an address may come
 * again. */
struct recent {
    const struct settings_url *url;
    struct http_pool *pool;
};

struct call_pools {
    bool (*wanted)(const struct settings_provider *provider); /* NULL: all are */
    struct net *net;
    struct resolver *resolver;
    struct settings *settings; /* the newest; NULL: every entry is current */
    struct settings *trial;    /* beside it; NULL: none */
    struct entry **entries;
    size_t entries_n;
    struct context *contexts;
    size_t contexts_n;
    struct recent recent[RECENT]; /* at recent_of() */
    struct ev_timer sweep;        /* runs while there are stale entries */
    struct http_pool_stats freed; /* totals of the pools that are gone */
};

static void on_sweep(struct ev_timer *t);

int call_pools_new(struct call_pools **ret, struct net *net, struct resolver *resolver,
                   struct err *e)
{
    struct call_pools *p = mem_zalloc(1, sizeof(*p));

    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for connection pools");
    p->net = net;
    p->resolver = resolver;
    ev_timer_init(&p->sweep, net_ev(net), on_sweep);
    *ret = p;
    return 0;
}

static void entry_free(struct entry **ep)
{
    struct entry *it = *ep;

    *ep = NULL;
    if (!it)
        return;
    http_pool_free(&it->pool);
    tls_ctx_unref(&it->tls);
    tls_ctx_unref(&it->proxy_tls);
    secret_wipe((void *)(uintptr_t)it->proxy.auth.p, it->proxy.auth.n);
    arena_fini(&it->text);
    mem_free(it);
}

static void context_fini(struct context *c)
{
    tls_ctx_unref(&c->tls);
    mem_free_ptr(&c->ca_file);
}

void call_pools_free(struct call_pools **pp)
{
    struct call_pools *p = *pp;

    *pp = NULL;
    if (!p)
        return;
    ev_timer_stop(&p->sweep);
    for (size_t i = 0; i < p->entries_n; i++)
        entry_free(&p->entries[i]);
    for (size_t i = 0; i < p->contexts_n; i++)
        context_fini(&p->contexts[i]);
    settings_unref(&p->settings);
    settings_unref(&p->trial);
    mem_free(p->entries);
    mem_free(p->contexts);
    mem_free(p);
}

/* ---- TLS ---- */

/* What is offered to a provider. A proxy is asked by CONNECT of HTTP/1.1 alone (net/dial.c). */
static const char *const alpn_of[] = {
    [SETTINGS_HTTP_AUTO] = "h2,http/1.1",
    [SETTINGS_HTTP_1] = "http/1.1",
    [SETTINGS_HTTP_2] = "h2",
};

static struct context *find_context(struct call_pools *p, const struct settings_provider *provider,
                                    const char *alpn)
{
    for (size_t i = 0; i < p->contexts_n; i++) {
        struct context *c = &p->contexts[i];

        if (c->ca_stamp == provider->ca_stamp && strcmp(c->alpn, alpn) == 0 &&
            (c->ca_file ? span_is(provider->ca_file, c->ca_file) : provider->ca_file.n == 0))
            return c;
    }
    return NULL;
}

/* NULL: *e says why. */
static struct context *add_context(struct call_pools *p, const struct settings_provider *provider,
                                   const char *alpn, struct err *e)
{
    struct tls_client_conf conf = {.alpn = alpn};
    struct context c = {.ca_stamp = provider->ca_stamp, .alpn = alpn}, *more;

    more = mem_realloc(p->contexts, (p->contexts_n + 1) * sizeof(*more));
    if (more)
        p->contexts = more;
    if (provider->ca_file.n)
        c.ca_file = mem_strndup(provider->ca_file.p, provider->ca_file.n);
    conf.ca_file = c.ca_file;
    if (!more || (provider->ca_file.n && !c.ca_file)) {
        err_set(e, ERR_NOMEM, "no memory for a TLS context");
    } else if (tls_client_ctx_new(&c.tls, net_ev(p->net), &conf, e) == 0) {
        more[p->contexts_n] = c;
        return &more[p->contexts_n++];
    }
    context_fini(&c);
    return NULL;
}

/* A reference of the context that trusts whom the provider's CA file does. */
static int take_context(struct call_pools *p, struct tls_ctx **ret,
                        const struct settings_provider *provider, const char *alpn, struct err *e)
{
    struct context *c = find_context(p, provider, alpn);

    if (!c)
        c = add_context(p, provider, alpn, e);
    if (!c)
        return -1;
    *ret = tls_ctx_ref(c->tls);
    return 0;
}

/* ---- pools ---- */

/* The proxy that leads to this URL, or NULL: directly. */
static const struct settings_proxy *proxy_of(const struct settings_provider *provider,
                                             const struct settings_url *url)
{
    const struct settings_proxy *proxy = &provider->proxy;

    if (!proxy->set || dial_no_proxy(proxy->no_proxy, url->host, url->port))
        return NULL;
    return proxy;
}

static void write_key(struct buf *out, const struct settings_provider *provider,
                      const struct settings_url *url, const struct settings_proxy *proxy)
{
    struct span parts[] = {provider->name, url->text, provider->ca_file,
                           proxy ? proxy->url.text : span_of("", 0),
                           proxy ? proxy->auth.name : span_of("", 0)};

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_add_span(out, parts[i]);
        buf_add_char(out, '\n');
    }
    buf_printf(out, "%s%s %u %llu %llu", provider->allow_private ? "private" : "public",
               provider->allow_metadata ? " metadata" : "", (unsigned)provider->http,
               (unsigned long long)provider->timeout.connect_ms,
               (unsigned long long)provider->ca_stamp);
}

static int fill_proxy(struct call_pools *p, struct entry *it,
                      const struct settings_provider *provider, const struct settings_proxy *proxy,
                      struct err *e)
{
    it->proxy.host = arena_dup(&it->text, proxy->url.host).p;
    it->proxy.port = proxy->url.port;
    if (!it->proxy.host)
        return err_set(e, ERR_NOMEM, "no memory for a connection pool");
    if (proxy->auth.bytes.n) { /* a copy outside the locked arena; it goes into a header anyway */
        it->proxy.auth = arena_dup(&it->text, proxy->auth.bytes);
        if (!it->proxy.auth.p)
            return err_set(e, ERR_NOMEM, "no memory for a connection pool");
    }
    if (!proxy->url.tls)
        return 0;
    if (take_context(p, &it->proxy_tls, provider, alpn_of[SETTINGS_HTTP_1], e) < 0)
        return -1;
    it->proxy.tls = it->proxy_tls;
    return 0;
}

static int fill_dial(struct call_pools *p, struct entry *it, struct dial_conf *dial,
                     const struct settings_provider *provider, const struct settings_url *url,
                     struct err *e)
{
    const struct settings_proxy *proxy = proxy_of(provider, url);
    uint32_t ms = (uint32_t)MIN(provider->timeout.connect_ms, (uint64_t)UINT32_MAX);

    /* The call bounds all phases together; each alone may take as long. */
    *dial = (struct dial_conf){
        .host = arena_dup(&it->text, url->host).p,
        .port = url->port,
        .allow_private = provider->allow_private,
        .allow_loopback = provider->allow_private,
        .allow_metadata = provider->allow_metadata,
        .resolve_ms = ms,
        .connect_ms = ms,
        .tls_ms = ms,
        .proxy_ms = ms,
    };
    if (!dial->host)
        return err_set(e, ERR_NOMEM, "no memory for a connection pool");
    if (url->tls) {
        if (take_context(p, &it->tls, provider, alpn_of[provider->http], e) < 0)
            return -1;
        dial->tls = it->tls;
    }
    if (!proxy)
        return 0;
    dial->proxy = &it->proxy;
    return fill_proxy(p, it, provider, proxy, e);
}

/* A request of an older snapshot may ask for what is gone: that is made for it alone. */
static bool is_current(const struct call_pools *p, const struct settings_provider *provider)
{
    const struct settings *of[] = {p->settings, p->trial};

    for (size_t k = 0; k < ARRAY_LEN(of); k++)
        for (size_t i = 0; of[k] && i < of[k]->providers_n; i++)
            if (provider == &of[k]->providers[i])
                return true;
    return !p->settings;
}

static void sweep_later(struct call_pools *p)
{
    struct err e;

    if (!ev_timer_armed(&p->sweep) && ev_timer_set(&p->sweep, EV_MS(SWEEP_MS), &e) < 0)
        UNUSED(e); /* the next snapshot sweeps as well */
}

/* NULL: *e says why. */
static struct entry *add_entry(struct call_pools *p, struct span key,
                               const struct settings_provider *provider,
                               const struct settings_url *url, struct err *e)
{
    struct http_pool_conf conf = {
        .resolver = p->resolver,
        .limits = http_limits_default,
        .idle_ms = IDLE_MS,
        .age_ms = AGE_MS,
        .idle_most = IDLE_MOST,
        .conns_most = CONNS_MOST,
        .h2_only = provider->http == SETTINGS_HTTP_2,
    };
    struct entry **more = mem_realloc(p->entries, (p->entries_n + 1) * sizeof(struct entry *));
    struct entry *it = NULL;

    if (more)
        p->entries = more;
    if (more)
        it = mem_zalloc(1, sizeof(*it));
    if (!it) {
        err_set(e, ERR_NOMEM, "no memory for a connection pool");
        return NULL;
    }
    arena_init(&it->text, TEXT_MAX);
    conf.limits.body_bytes = UINT64_MAX; /* answers have a bound of their own: answer_bytes_max */
    it->key = arena_dup(&it->text, key);
    if (!it->key.p)
        err_set(e, ERR_NOMEM, "no memory for a connection pool");
    else if (fill_dial(p, it, &conf.dial, provider, url, e) == 0 &&
             http_pool_new(&it->pool, p->net, &conf, e) == 0) {
        it->stale = !is_current(p, provider);
        if (it->stale)
            sweep_later(p);
        return p->entries[p->entries_n++] = it;
    }
    entry_free(&it);
    err_prefix(e, "%.*s", SPAN_FMT(provider->name));
    return NULL;
}

/* The entry for a provider's URL; made if need be. */
static struct entry *get(struct call_pools *p, const struct settings_provider *provider,
                         const struct settings_url *url, struct err *e)
{
    const struct settings_proxy *proxy = proxy_of(provider, url);
    struct span auth = proxy ? proxy->auth.bytes : span_of(NULL, 0);
    struct entry *ret = NULL;
    struct buf key;

    buf_init(&key, KEY_MAX);
    write_key(&key, provider, url, proxy);
    if (buf_finish(&key, "provider", e) < 0)
        goto out;
    for (size_t i = 0; i < p->entries_n && !ret; i++)
        if (span_eq(p->entries[i]->key, buf_span(&key)) &&
            secret_eq(p->entries[i]->proxy.auth, auth))
            ret = p->entries[i];
    if (!ret)
        ret = add_entry(p, buf_span(&key), provider, url, e);
out:
    buf_fini(&key);
    return ret;
}

static struct recent *recent_of(struct call_pools *p, const struct settings_url *url)
{
    return &p->recent[((uintptr_t)url / sizeof(*url)) % RECENT];
}

static void forget_recent(struct call_pools *p)
{
    memset(p->recent, 0, sizeof(p->recent));
}

int call_pools_get(struct call_pools *p, struct http_pool **ret,
                   const struct settings_provider *provider, const struct settings_url *url,
                   struct err *e)
{
    struct recent *r = recent_of(p, url);
    const struct entry *it;

    if (r->url != url) {
        it = get(p, provider, url, e);
        if (!it)
            return -1;
        *r = (struct recent){url, it->pool};
    }
    *ret = r->pool;
    return 0;
}

/* ---- snapshots ---- */

static void drop_entry(struct call_pools *p, size_t i)
{
    const struct http_pool_stats *s = http_pool_stats(p->entries[i]->pool);

    p->freed.dials_total += s->dials_total;
    p->freed.reused_total += s->reused_total;
    p->freed.fresh_total += s->fresh_total;
    forget_recent(p);
    entry_free(&p->entries[i]);
    p->entries[i] = p->entries[--p->entries_n];
}

static bool has_entry(const struct call_pools *p, const struct context *c)
{
    for (size_t i = 0; i < p->entries_n; i++)
        if (p->entries[i]->tls == c->tls || p->entries[i]->proxy_tls == c->tls)
            return true;
    return false;
}

/* Free what is stale and without a stream, and the contexts that nobody has any more; look again
 * while anything stale is left. */
static void sweep(struct call_pools *p)
{
    bool left = false;

    for (size_t i = p->entries_n; i-- > 0;) {
        if (p->entries[i]->stale && http_pool_unused(p->entries[i]->pool))
            drop_entry(p, i);
        else
            left = left || p->entries[i]->stale;
    }
    for (size_t i = p->contexts_n; i-- > 0;) {
        if (has_entry(p, &p->contexts[i]))
            continue;
        context_fini(&p->contexts[i]);
        p->contexts[i] = p->contexts[--p->contexts_n];
    }
    if (left)
        sweep_later(p);
}

static void on_sweep(struct ev_timer *t)
{
    sweep(CONTAINER_OF(t, struct call_pools, sweep));
}

static void make_current(struct call_pools *p, const struct settings *s)
{
    for (size_t i = 0; i < s->providers_n; i++) {
        if (p->wanted && !p->wanted(&s->providers[i]))
            continue;
        for (size_t k = 0; k < s->providers[i].urls_n; k++) {
            struct err e; /* told by the request that needs it */
            struct entry *it = get(p, &s->providers[i], &s->providers[i].urls[k], &e);

            if (it)
                it->stale = false;
        }
    }
}

static void mark(struct call_pools *p)
{
    forget_recent(p);
    for (size_t i = 0; i < p->entries_n; i++)
        p->entries[i]->stale = true;
    if (p->settings)
        make_current(p, p->settings);
    if (p->trial)
        make_current(p, p->trial);
    sweep(p);
}

void call_pools_use(struct call_pools *p, struct settings *s)
{
    struct settings *old = p->settings;

    p->settings = settings_ref(s);
    settings_unref(&old);
    settings_unref(&p->trial);
    mark(p);
}

void call_pools_want(struct call_pools *p, bool (*wanted)(const struct settings_provider *provider))
{
    p->wanted = wanted;
}

void call_pools_try(struct call_pools *p, struct settings *s)
{
    settings_unref(&p->trial);
    if (s)
        p->trial = settings_ref(s);
    mark(p);
}

void call_pools_stats(const struct call_pools *p, struct http_pool_stats *ret)
{
    *ret = p->freed;
    for (size_t i = 0; i < p->entries_n; i++) {
        const struct http_pool_stats *s = http_pool_stats(p->entries[i]->pool);

        ret->dials_total += s->dials_total;
        ret->reused_total += s->reused_total;
        ret->fresh_total += s->fresh_total;
        ret->conns_now += s->conns_now;
        ret->idle_now += s->idle_now;
    }
}
