/*
 * trial.c - what a trial of a new snapshot on a slice of the requests can show, and what not.
 *
 * Whether two snapshots send every request the same way is told by one number: a hash of the file's
 * tree without the sections that are the process's own, of the bytes of all secrets, and of what
 * stood in the files that the snapshot was made with. A difference where there is none (a comment
 * is none, another order of keys is one) costs a trial, and nothing else.
 */
#include "conf/yaml.h"
#include "settings/build.h"

/* Taken by the process as a whole, when the snapshot is taken: no request differs by them. */
static const char *const whole[] = {"version", "server", "telemetry", "reload"};

static bool is_whole(struct span key)
{
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        if (span_is(key, whole[i]))
            return true;
    return span_starts(key, SPAN_LIT("x-")); /* what it anchors stands where it is used, too */
}

static uint64_t mix(uint64_t hash, uint64_t more)
{
    return (hash ^ more) * UINT64_C(0x9E3779B97F4A7C15) + (hash >> 29);
}

/* One step of a walk in the order of the text; levels of the tree are kept on `open`. */
static uint64_t hash_tree(uint64_t hash, const struct yaml_node *root)
{
    const struct yaml_node *open[YAML_DEPTH_MAX + 1];
    size_t depth = 0;

    open[depth++] = root;
    while (depth) {
        const struct yaml_node *n = open[--depth];

        if (!n)
            continue;
        if (n != root) /* its next one comes behind all of it */
            open[depth++] = n->next;
        hash = mix(hash, n->kind);
        if (n->key)
            hash = mix(hash, span_hash(n->key->text));
        if (n->kind == YAML_SCALAR)
            hash = mix(hash, span_hash(n->text));
        else if (n->first) {
            MUST(depth < ARRAY_LEN(open));
            open[depth++] = n->first;
        }
        hash = mix(hash, n->n);
    }
    return hash;
}

static uint64_t hash_provider(uint64_t hash, const struct settings_provider *p)
{
    for (size_t i = 0; i < p->keys_n; i++)
        hash = mix(hash, span_hash(p->keys[i].bytes));
    for (size_t i = 0; p->credential.source && i < TOKEN_VALUES; i++)
        hash = mix(hash, span_hash(p->credential.conf.v[i]));
    hash = mix(hash, span_hash(p->proxy.auth.bytes));
    return mix(hash, p->ca_stamp);
}

static uint64_t hash_price(uint64_t hash, const struct settings_price *p)
{
    hash = mix(hash, span_hash(p->provider));
    hash = mix(hash, span_hash(p->model));
    return mix(hash, span_hash(span_of((const char *)&p->price.rates, sizeof(p->price.rates))));
}

void build_route_id(struct build *b, const struct yaml_node *root)
{
    struct settings *s = &b->snap->pub;
    uint64_t hash = 1;

    for (const struct yaml_node *n = root->first; n; n = n->next)
        if (n->key && !is_whole(n->key->text))
            hash = mix(hash_tree(hash, n), span_hash(n->key->text));
    for (size_t i = 0; i < s->providers_n; i++)
        hash = hash_provider(hash, &s->providers[i]);
    for (size_t i = 0; i < s->prices_n; i++)
        hash = hash_price(hash, &s->prices[i]);
    b->snap->route_id = hash;
}

uint64_t settings_route_id(const struct settings *s)
{
    return settings_snapshot(s)->route_id;
}

/* ---- what a trial does not show ---- */

static const struct settings_key *key_of(const struct settings *s, const struct settings_key *like)
{
    for (size_t i = 0; i < s->keys_n; i++)
        if (memcmp(s->keys[i].sha256, like->sha256, sizeof(like->sha256)) == 0)
            return &s->keys[i];
    return NULL;
}

static const struct settings_model *model_of(const struct settings *s, struct span name)
{
    for (size_t i = 0; i < s->models_n; i++)
        if (span_eq(s->models[i].name, name))
            return &s->models[i];
    return NULL;
}

static void warn_gone(struct conf_report *r, const char *kind, struct span name)
{
    conf_report_add(r, CONF_WARNING, "W013", (struct conf_place){0, 0, 0},
                    "%s.%.*s is gone; who still comes with it counts as a failure of the trial and "
                    "is served by the old configuration until it is over (lamplighter reload --now "
                    "takes it away at once)",
                    kind, SPAN_FMT(name));
}

static bool same_server(const struct settings *a, const struct settings *b)
{
    return memcmp(&a->server.limits, &b->server.limits, sizeof(a->server.limits)) == 0 &&
           a->server.head_ms == b->server.head_ms &&
           a->server.body_stall_ms == b->server.body_stall_ms &&
           a->server.idle_ms == b->server.idle_ms &&
           a->server.write_stall_ms == b->server.write_stall_ms &&
           a->server.conns == b->server.conns && a->server.conns_per_ip == b->server.conns_per_ip &&
           a->server.requests_per_conn == b->server.requests_per_conn &&
           a->server.streams_per_conn == b->server.streams_per_conn &&
           a->server.half_close_ok == b->server.half_close_ok &&
           a->server.memory_bytes_max == b->server.memory_bytes_max &&
           a->server.memory_given == b->server.memory_given &&
           span_eq(a->server.tls_cert, b->server.tls_cert) &&
           span_eq(a->server.tls_key, b->server.tls_key);
}

static bool same_log(const struct settings *a, const struct settings *b)
{
    return a->log.access == b->log.access && span_eq(a->log.file, b->log.file);
}

static const struct {
    const char *what;
    bool (*same)(const struct settings *a, const struct settings *b);
} rows[] = {
    {"server (limits, timeouts, files of TLS)", same_server},
    {"telemetry", same_log},
};

void settings_compare_trial(const struct settings *now, const struct settings *next,
                            struct conf_report *report)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!rows[i].same(now, next))
            conf_report_add(report, CONF_WARNING, "W012", (struct conf_place){0, 0, 0},
                            "%s has changed, which no trial shows: it is taken into use with the "
                            "rest",
                            rows[i].what);
    for (size_t i = 0; i < now->keys_n; i++)
        if (!key_of(next, &now->keys[i]))
            warn_gone(report, "keys", now->keys[i].name);
    for (size_t i = 0; i < now->models_n; i++)
        if (!model_of(next, now->models[i].name))
            warn_gone(report, "models", now->models[i].name);
}
