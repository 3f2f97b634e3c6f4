/*
 * pools.c - see pools.h. A short list: there are as many origins as the configuration names.
 *
 * TLS contexts are shared by CA file: reading a bundle takes tens of milliseconds.
 */
#include "call/pools.h"

#include "base/mem.h"

#define KEY_MAX    ((size_t)4096)
#define TEXT_MAX   ((size_t)8192) /* of one entry's copies */
#define IDLE_MS    60000
#define AGE_MS     300000
#define IDLE_MOST  128
#define CONNS_MOST 16384

struct entry {
    struct arena text; /* what dial points to */
    struct span key;
    struct dial_proxy proxy;
    struct http_pool *pool;
};

struct context {
    struct span ca_file; /* absent: the system's */
    uint64_t ca_stamp;
    struct tls_ctx *tls;
};

struct call_pools {
    struct net *net;
    struct resolver *resolver;
    struct arena text; /* of contexts */
    struct entry **entries;
    size_t entries_n;
    struct context *contexts;
    size_t contexts_n;
};

int call_pools_new(struct call_pools **ret, struct net *net, struct resolver *resolver,
                   struct err *e)
{
    struct call_pools *p = mem_zalloc(1, sizeof(*p));

    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for connection pools");
    p->net = net;
    p->resolver = resolver;
    arena_init(&p->text, SIZE_MAX);
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
    arena_fini(&it->text);
    mem_free(it);
}

void call_pools_free(struct call_pools **pp)
{
    struct call_pools *p = *pp;

    *pp = NULL;
    if (!p)
        return;
    for (size_t i = 0; i < p->entries_n; i++)
        entry_free(&p->entries[i]);
    for (size_t i = 0; i < p->contexts_n; i++)
        tls_ctx_unref(&p->contexts[i].tls);
    mem_free(p->entries);
    mem_free(p->contexts);
    arena_fini(&p->text);
    mem_free(p);
}

/* ---- TLS ---- */

static int get_context(struct call_pools *p, const struct settings_provider *provider,
                       struct tls_ctx **ret, struct err *e)
{
    struct span ca_file = provider->ca_file;
    struct tls_client_conf conf = {.alpn = "h2,http/1.1"};
    struct context *more;
    struct span copy = {NULL, 0};

    for (size_t i = 0; i < p->contexts_n; i++) {
        if (span_eq(p->contexts[i].ca_file, ca_file) &&
            p->contexts[i].ca_stamp == provider->ca_stamp) {
            *ret = p->contexts[i].tls;
            return 0;
        }
    }
    more = mem_realloc(p->contexts, (p->contexts_n + 1) * sizeof(*more));
    if (!more)
        return err_set(e, ERR_NOMEM, "no memory for a TLS context");
    p->contexts = more;
    if (ca_file.n) {
        copy = arena_dup(&p->text, ca_file);
        if (!copy.p)
            return err_set(e, ERR_NOMEM, "no memory for a TLS context");
        conf.ca_file = copy.p;
    }
    more += p->contexts_n;
    *more = (struct context){.ca_file = copy, .ca_stamp = provider->ca_stamp};
    if (tls_client_ctx_new(&more->tls, net_ev(p->net), &conf, e) < 0)
        return -1;
    p->contexts_n++;
    *ret = more->tls;
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
    buf_printf(out, "%s %llu %llu", provider->allow_private ? "private" : "public",
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
    return proxy->url.tls ? get_context(p, provider, &it->proxy.tls, e) : 0;
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
        .resolve_ms = ms,
        .connect_ms = ms,
        .tls_ms = ms,
        .proxy_ms = ms,
    };
    if (!dial->host)
        return err_set(e, ERR_NOMEM, "no memory for a connection pool");
    if (url->tls && get_context(p, provider, &dial->tls, e) < 0)
        return -1;
    if (!proxy)
        return 0;
    dial->proxy = &it->proxy;
    return fill_proxy(p, it, provider, proxy, e);
}

static int add_entry(struct call_pools *p, struct span key,
                     const struct settings_provider *provider, const struct settings_url *url,
                     struct http_pool **ret, struct err *e)
{
    struct http_pool_conf conf = {
        .resolver = p->resolver,
        .limits = http_limits_default,
        .idle_ms = IDLE_MS,
        .age_ms = AGE_MS,
        .idle_most = IDLE_MOST,
        .conns_most = CONNS_MOST,
    };
    struct entry **more = mem_realloc(p->entries, (p->entries_n + 1) * sizeof(struct entry *));
    struct entry *it = NULL;

    if (more)
        p->entries = more;
    if (more)
        it = mem_zalloc(1, sizeof(*it));
    if (!it)
        return err_set(e, ERR_NOMEM, "no memory for a connection pool");
    arena_init(&it->text, TEXT_MAX);
    conf.limits.body_bytes = UINT64_MAX; /* answers have a bound of their own: answer_bytes_max */
    it->key = arena_dup(&it->text, key);
    if (!it->key.p)
        err_set(e, ERR_NOMEM, "no memory for a connection pool");
    else if (fill_dial(p, it, &conf.dial, provider, url, e) == 0 &&
             http_pool_new(&it->pool, p->net, &conf, e) == 0) {
        p->entries[p->entries_n++] = it;
        *ret = it->pool;
        return 0;
    }
    entry_free(&it);
    return err_prefix(e, "%.*s", SPAN_FMT(provider->name));
}

int call_pools_get(struct call_pools *p, struct http_pool **ret,
                   const struct settings_provider *provider, const struct settings_url *url,
                   struct err *e)
{
    const struct settings_proxy *proxy = proxy_of(provider, url);
    struct span auth = proxy ? proxy->auth.bytes : span_of(NULL, 0);
    struct buf key;
    int rc = -1;

    buf_init(&key, KEY_MAX);
    write_key(&key, provider, url, proxy);
    if (buf_finish(&key, "provider", e) < 0)
        goto out;
    for (size_t i = 0; i < p->entries_n; i++) {
        if (span_eq(p->entries[i]->key, buf_span(&key)) &&
            secret_eq(p->entries[i]->proxy.auth, auth)) {
            *ret = p->entries[i]->pool;
            rc = 0;
            goto out;
        }
    }
    rc = add_entry(p, buf_span(&key), provider, url, ret, e);
out:
    buf_fini(&key);
    return rc;
}

void call_pools_warm(struct call_pools *p, const struct settings *s)
{
    for (size_t i = 0; i < s->providers_n; i++) {
        for (size_t k = 0; k < s->providers[i].urls_n; k++) {
            struct http_pool *pool;
            struct err e;

            if (call_pools_get(p, &pool, &s->providers[i], &s->providers[i].urls[k], &e) < 0)
                UNUSED(e); /* told by the request that needs it */
        }
    }
}

void call_pools_stats(const struct call_pools *p, struct http_pool_stats *ret)
{
    *ret = (struct http_pool_stats){0};
    for (size_t i = 0; i < p->entries_n; i++) {
        const struct http_pool_stats *s = http_pool_stats(p->entries[i]->pool);

        ret->dials_total += s->dials_total;
        ret->reused_total += s->reused_total;
        ret->fresh_total += s->fresh_total;
        ret->conns_now += s->conns_now;
        ret->idle_now += s->idle_now;
    }
}
