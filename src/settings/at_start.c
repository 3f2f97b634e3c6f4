/*
 * at_start.c - what a reload does not take into use, and says so.
 *
 * The master binds the sockets, forks the workers and has the commands of the engines before it
 * knows of any other configuration, and parses none. So these keys count as they stood at the
 * start, which is also what every reload is compared with: a file that goes back to them has
 * nothing to be told of.
 *
 * The help of each of these keys says it too (keys.c, KEYS_AT_START).
 */
#include "net/addr.h"
#include "settings/build.h"

static bool same_listen(const struct settings *a, const struct settings *b)
{
    if (a->server.listen_n != b->server.listen_n)
        return false;
    for (size_t i = 0; i < a->server.listen_n; i++)
        if (!net_addr_eq(&a->server.listen[i], &b->server.listen[i]))
            return false;
    return true;
}

static bool same_admin(const struct settings *a, const struct settings *b)
{
    return net_addr_eq(&a->server.admin, &b->server.admin);
}

/* Other files are taken; TLS in place of clear text, or the other way round, is not. */
static bool same_tls(const struct settings *a, const struct settings *b)
{
    return span_has(a->server.tls_cert) == span_has(b->server.tls_cert);
}

static bool same_drain(const struct settings *a, const struct settings *b)
{
    return a->server.drain_ms == b->server.drain_ms;
}

static bool same_workers(const struct settings *a, const struct settings *b)
{
    return a->server.workers == b->server.workers;
}

static bool same_user(const struct settings *a, const struct settings *b)
{
    return span_eq(a->server.user, b->server.user);
}

static const struct {
    const char *key;
    bool (*same)(const struct settings *first, const struct settings *next);
    size_t at; /* of its place, in struct build_places */
} rows[] = {
    {"server.listen", same_listen, offsetof(struct build_places, listen)},
    {"server.admin", same_admin, offsetof(struct build_places, admin)},
    {"server.tls", same_tls, offsetof(struct build_places, tls)},
    {"server.drain", same_drain, offsetof(struct build_places, drain)},
    {"server.workers", same_workers, offsetof(struct build_places, workers)},
    {"server.user", same_user, offsetof(struct build_places, user)},
};

static bool same_engine(const struct settings_engine *a, const struct settings_engine *b)
{
    if (a->argv_n != b->argv_n || !span_eq(a->ready_path, b->ready_path))
        return false;
    for (size_t i = 0; i < a->argv_n; i++)
        if (!span_eq(a->argv[i], b->argv[i]))
            return false;
    return true;
}

/* What the keeper asks whether the engine is ready: the first endpoint, and not its path. */
static bool same_probe(const struct settings_provider *a, const struct settings_provider *b)
{
    const struct settings_url *x = &a->urls[0], *y = &b->urls[0];

    return x->tls == y->tls && x->port == y->port && span_eq(x->host, y->host);
}

/* The engine of the provider of that name, or NULL. */
static const struct settings_engine *engine_of(const struct settings *s, struct span name)
{
    for (size_t i = 0; i < s->engines_n; i++)
        if (span_eq(s->engines[i].provider->name, name))
            return &s->engines[i];
    return NULL;
}

static void warn(struct conf_report *r, struct conf_place at, const char *key, struct span name,
                 const char *rest)
{
    conf_report_add(r, CONF_WARNING, "W008", at,
                    "%s%.*s%s is not what the gateway started with; it takes effect at the next "
                    "start",
                    key, SPAN_FMT(name), rest);
}

/* The workers take new endpoints, the keeper does not. */
static void warn_probe(struct conf_report *r, struct conf_place at, struct span name)
{
    conf_report_add(r, CONF_WARNING, "W008", at,
                    "providers.%.*s.endpoints is not what the gateway started with; requests go "
                    "there now, but until the next start the engine is asked at the old one "
                    "whether it is ready",
                    SPAN_FMT(name));
}

static void compare_engines(const struct settings *first, const struct settings *next,
                            const struct build_engine_places *places, struct conf_report *r)
{
    for (size_t i = 0; i < next->engines_n; i++) {
        struct span name = next->engines[i].provider->name;
        const struct settings_engine *old = engine_of(first, name);

        if (!old || !same_engine(old, &next->engines[i]))
            warn(r, places[i].engine, "providers.", name, ".engine");
        if (old && !same_probe(old->provider, next->engines[i].provider))
            warn_probe(r, places[i].endpoints, name);
    }
    for (size_t i = 0; i < first->engines_n; i++) {
        struct span name = first->engines[i].provider->name;

        if (!engine_of(next, name))
            warn(r, (struct conf_place){0, 0, 0}, "providers.", name, ".engine");
    }
}

void settings_compare_start(const struct settings *first, const struct settings *next,
                            struct conf_report *report)
{
    const struct build_places *places = &settings_snapshot(next)->places;
    const char *base = (const char *)places;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!rows[i].same(first, next))
            warn(report, *(const struct conf_place *)(const void *)(base + rows[i].at), rows[i].key,
                 (struct span){NULL, 0}, "");
    compare_engines(first, next, places->engines, report);
}
