/*
 * pools.c - see pools.h. A short list: there are as many origins as the configuration names.
 */
#include "call/pools.h"

#include "base/mem.h"

#define KEY_MAX    ((size_t)4096)
#define IDLE_MS    60000
#define AGE_MS     300000
#define IDLE_MOST  128
#define CONNS_MOST 16384

struct entry {
    struct buf key;
    struct http_pool *pool;
};

struct call_pools {
    struct net *net;
    struct entry *entries;
    size_t n, cap;
};

int call_pools_new(struct call_pools **ret, struct net *net, struct err *e)
{
    struct call_pools *p = mem_zalloc(1, sizeof(*p));

    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for connection pools");
    p->net = net;
    *ret = p;
    return 0;
}

void call_pools_free(struct call_pools **pp)
{
    struct call_pools *p = *pp;

    *pp = NULL;
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++) {
        http_pool_free(&p->entries[i].pool);
        buf_fini(&p->entries[i].key);
    }
    mem_free(p->entries);
    mem_free(p);
}

static void write_key(struct buf *out, const struct settings_provider *provider,
                      const struct settings_url *url)
{
    struct span parts[] = {provider->name, url->text, provider->ca_file,
                           provider->proxy.set ? provider->proxy.url.text : span_of("", 0)};

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_add_span(out, parts[i]);
        buf_add_char(out, '\n');
    }
}

static int add_entry(struct call_pools *p, struct buf *key, const struct settings_url *url,
                     struct http_pool **ret, struct err *e)
{
    struct http_pool_conf conf = {
        .limits = http_limits_default,
        .idle_ms = IDLE_MS,
        .age_ms = AGE_MS,
        .idle_most = IDLE_MOST,
        .conns_most = CONNS_MOST,
    };
    struct entry *it;
    struct span text;
    char host[300];
    int n;

    conf.limits.body_bytes = UINT64_MAX;
    n = snprintf(host, sizeof(host), "%.*s:%u", SPAN_FMT(url->host), url->port);
    text = span_of(host, n > 0 ? (size_t)n : 0);
    if (net_addr_parse(&conf.addr, text, e) < 0)
        return err_prefix(e, "'%.*s'", SPAN_FMT(url->text));
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 8;
        struct entry *more = mem_realloc(p->entries, cap * sizeof(*more));

        if (!more)
            return err_set(e, ERR_NOMEM, "no memory for a connection pool");
        p->entries = more;
        p->cap = cap;
    }
    it = &p->entries[p->n];
    if (http_pool_new(&it->pool, p->net, &conf, e) < 0)
        return -1;
    it->key = *key;
    buf_init(key, KEY_MAX);
    *ret = it->pool;
    p->n++;
    return 0;
}

int call_pools_get(struct call_pools *p, struct http_pool **ret,
                   const struct settings_provider *provider, const struct settings_url *url,
                   struct err *e)
{
    struct buf key;
    int rc = -1;

    buf_init(&key, KEY_MAX);
    write_key(&key, provider, url);
    if (buf_finish(&key, "provider", e) < 0)
        goto out;
    for (size_t i = 0; i < p->n; i++) {
        if (span_eq(buf_span(&p->entries[i].key), buf_span(&key))) {
            *ret = p->entries[i].pool;
            rc = 0;
            goto out;
        }
    }
    rc = add_entry(p, &key, url, ret, e);
out:
    buf_fini(&key);
    return rc;
}
