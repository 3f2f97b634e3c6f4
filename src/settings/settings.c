/*
 * settings.c - snapshots: load, share, let go. See settings.h.
 *
 * A load has three steps, each of which complains about all it can find: text to tree (conf/yaml),
 * tree to keys (conf/keys, by the rows of keys.c), keys to values (build_*.c). A text that is not
 * YAML ends after the first step, for the rest would be guesswork; otherwise all three run.
 *
 * Why the id is a hash of the text and not of the values: people compare it with the file.
 */
#include "settings/settings.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/mem.h"
#include "provider/thinks.h"
#include "settings/build.h"

#define SCRATCH_BYTES ((size_t)96 * 1024 * 1024)

void *build_alloc(struct build *b, size_t count, size_t size)
{
    void *p = arena_zalloc(&b->snap->arena, MAX(count, (size_t)1) * size);

    if (!p)
        b->nomem = true;
    return p;
}

struct span build_dup(struct build *b, struct span s)
{
    struct span d;

    if (!span_has(s))
        return s;
    d = arena_dup(&b->snap->arena, s);
    if (!span_has(d))
        b->nomem = true;
    return d;
}

struct span build_text(struct build *b, const struct conf_value *v)
{
    return v->bad ? (struct span){NULL, 0} : build_dup(b, v->text);
}

struct settings_url build_url(struct build *b, struct span text)
{
    struct settings_url u = {.text = build_dup(b, text)};
    struct err e;

    if (span_has(u.text))
        UNUSED(EXPECT(types_read_url(&u, u.text, &e) == 0)); /* read once already */
    return u;
}

struct snapshot *settings_snapshot(const struct settings *s)
{
    struct snapshot *snap = (struct snapshot *)((uintptr_t)s - offsetof(struct snapshot, pub));

    OBJ_CHECK(snap, SETTINGS_MAGIC);
    return snap;
}

static void snapshot_free(struct snapshot **snap)
{
    if (!*snap)
        return;
    secret_arena_free(&(*snap)->secrets);
    arena_fini(&(*snap)->arena);
    (*snap)->magic = 0;
    mem_free_ptr(snap);
}

struct settings *settings_ref(struct settings *s)
{
    OBJ_CHECK(settings_snapshot(s), SETTINGS_MAGIC);
    s->refs++;
    return s;
}

void settings_unref(struct settings **s)
{
    struct snapshot *snap;

    if (!*s)
        return;
    snap = settings_snapshot(*s);
    MUST((*s)->refs > 0);
    *s = NULL;
    if (--snap->pub.refs == 0)
        snapshot_free(&snap);
}

static int fingerprint(uint64_t *ret, struct span text, struct err *e)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    uint64_t id = 0;

    if (EVP_Digest(text.p ? text.p : "", text.n, hash, NULL, EVP_sha256(), NULL) != 1)
        return err_set(e, ERR_NOMEM, "configuration: cannot be hashed");
    for (size_t i = 0; i < sizeof(id); i++)
        id = id << 8 | hash[i];
    *ret = id;
    return 0;
}

static struct snapshot *snapshot_new(struct span text, struct span file, struct err *e)
{
    struct snapshot *snap = mem_zalloc(1, sizeof(*snap));

    if (!snap) {
        err_set(e, ERR_NOMEM, "configuration: no memory");
        return NULL;
    }
    snap->magic = SETTINGS_MAGIC;
    arena_init(&snap->arena, SETTINGS_BYTES_MAX);
    snap->pub.refs = 1;
    snap->pub.source = arena_dup(&snap->arena, file);
    if (!span_has(snap->pub.source)) {
        err_set(e, ERR_NOMEM, "configuration: no memory");
        snapshot_free(&snap);
        return NULL;
    }
    if (secret_arena_new(&snap->secrets, SETTINGS_SECRET_BYTES_MAX, e) < 0 ||
        fingerprint(&snap->pub.id, text, e) < 0)
        snapshot_free(&snap);
    return snap;
}

/* Keys to values. */
static int build_all(struct build *b, struct span prices, struct err *e)
{
    build_server(b);
    if (!b->nomem)
        build_classes(b);
    if (!b->nomem)
        build_providers(b);
    if (!b->nomem)
        build_fates(b);
    if (!b->nomem)
        build_prices(b, prices);
    if (!b->nomem)
        build_models(b);
    if (!b->nomem)
        build_fate_list(b);
    if (!b->nomem)
        build_clients(b);
    if (!b->nomem)
        build_check_walls(b);
    if (b->nomem)
        return err_set(e, ERR_NOMEM, "configuration: no memory");
    return conf_report_ok(b->report, e);
}

int settings_load(struct settings **ret, struct span text, struct span file, const struct env *env,
                  struct conf_report *report, struct err *e)
{
    return settings_load_with(ret, text, file, (struct span){NULL, 0}, env, report, e);
}

int settings_load_with(struct settings **ret, struct span text, struct span file,
                       struct span prices, const struct env *env, struct conf_report *report,
                       struct err *e)
{
    struct build b = {.env = env, .report = report};
    struct yaml_node *root = NULL;
    struct keys_config *keys;
    struct arena scratch;
    int rc = -1;

    MUST(ret && env && report && e);
    arena_init(&scratch, SCRATCH_BYTES);
    conf_report_source(report, file, text);
    if (yaml_parse(&root, text, &scratch, report, e) < 0 && (e->code == ERR_NOMEM || !root))
        goto out;
    keys = arena_zalloc(&scratch, sizeof(*keys));
    if (!keys) {
        err_set(e, ERR_NOMEM, "configuration: no memory");
        goto out;
    }
    if (conf_decode(&keys_table, root, keys, &scratch, report, e) < 0)
        goto out;
    b.keys = keys;
    b.snap = snapshot_new(text, file, e);
    if (!b.snap || build_all(&b, prices, e) < 0)
        goto out;
    if (report->errors > 0) {
        err_set(e, ERR_CONFIG, "%.*s: %zu error%s", SPAN_FMT(file), report->errors,
                report->errors == 1 ? "" : "s");
        goto out;
    }
    build_route_id(&b, root);
    *ret = &b.snap->pub;
    b.snap = NULL;
    rc = 0;
out:
    snapshot_free(&b.snap);
    arena_fini(&scratch);
    return rc;
}

struct span settings_authority(struct arena *a, const struct settings_url *u)
{
    bool v6 = span_find(u->host, ':') != SIZE_MAX;
    char port[6]; /* ":65535" */
    size_t at = sizeof(port);

    if (u->port != (u->tls ? 443 : 80)) {
        for (unsigned v = u->port; v; v /= 10)
            port[--at] = (char)('0' + v % 10);
        port[--at] = ':';
    }
    return arena_join(a,
                      (struct span[]){span_str(v6 ? "[" : ""), u->host, span_str(v6 ? "]" : ""),
                                      span_of(port + at, sizeof(port) - at)},
                      4);
}

/* ---- names ---- */

static int against_model(const void *name, const void *model)
{
    struct span x = *(const struct span *)name;
    struct span y = (*(const struct settings_model *const *)model)->name;
    int c = memcmp(x.p, y.p, MIN(x.n, y.n));

    if (c != 0)
        return c;
    return x.n < y.n ? -1 : x.n > y.n;
}

static const struct settings_provider *of_type(const struct settings *s,
                                               const struct provider *type)
{
    for (size_t i = 0; i < s->providers_n; i++)
        if (s->providers[i].type == type)
            return &s->providers[i];
    return NULL;
}

static bool has_type(void *arg, const struct provider *type)
{
    return of_type(arg, type) != NULL;
}

static int plan_one(struct settings_plan *ret, const struct settings_provider *p, struct span model)
{
    int n;

    MUST(p);
    n = snprintf(ret->id, sizeof(ret->id), "%.*s/%.*s", SPAN_FMT(p->name), SPAN_FMT(model));
    if (n < 0 || (size_t)n >= sizeof(ret->id))
        return -1;
    ret->model = NULL;
    ret->one = (struct settings_target){.provider = p,
                                        .model = model,
                                        .id = span_of(ret->id, (size_t)n),
                                        .thinks = settings_ways(p) > 1 && provider_may_think(model),
                                        .when = {.tokens_below = UINT64_MAX},
                                        .weight = 1,
                                        .facts = p->facts,
                                        .meets = p->meets};
    return 0;
}

int settings_resolve(struct settings_plan *ret, const struct settings *s, struct span name)
{
    const struct snapshot *snap = settings_snapshot(s);
    const struct settings_model **hit;
    struct span model = name, provider;
    const struct provider *type;

    if (name.n == 0 || name.n > SETTINGS_ID_MAX)
        return -1;
    hit = s->models_n ? (const struct settings_model **)bsearch(
                            &name, (const void *)snap->by_name, s->models_n,
                            sizeof(struct settings_model *), against_model)
                      : NULL;
    if (hit) {
        ret->model = *hit;
        return 0;
    }
    provider = span_cut(&model, '/');
    for (size_t i = 0; span_has(model) && model.n > 0 && i < s->providers_n; i++)
        if (span_eq(s->providers[i].name, provider) && s->providers[i].type)
            return plan_one(ret, &s->providers[i], model);
    type = provider_for_model(name, has_type, (void *)(uintptr_t)s);
    if (!type)
        return -1;
    return plan_one(ret, of_type(s, type), name);
}

/* ---- who a target is ---- */

static uint64_t not_0(uint64_t hash)
{
    return hash ? hash : 1;
}

size_t settings_ways(const struct settings_provider *p)
{
    return p->urls_n * MAX(p->keys_n, (size_t)1);
}

struct span settings_domain_name(const struct settings_provider *p, uint16_t domain)
{
    size_t i = 0;

    while (i + 1 < p->pool.n && p->pool.domains[i] != domain)
        i++;
    return span_has(p->urls[i].domain) ? p->urls[i].domain : p->urls[i].text;
}

struct settings_way settings_way(const struct settings_target *t, size_t i)
{
    return (struct settings_way){t, i % t->provider->urls_n, i / t->provider->urls_n};
}

uint32_t settings_weight(const struct settings_way *w, uint64_t weight)
{
    return (uint32_t)(weight * (ROUTE_WEIGHT_MOST / SETTINGS_WEIGHT_MAX) /
                      settings_ways(w->target->provider));
}

struct policy_candidate settings_candidate(const struct settings_way *w)
{
    const struct settings_provider *p = w->target->provider;
    uint64_t target = span_hash(w->target->id), provider = span_hash(p->name);
    uint64_t key = p->keys_n ? span_hash(p->keys[w->key].bytes) : 0;
    struct policy_candidate ret;
    struct span group;

    if (p->urls_n > 1) {
        target = target * 31 + span_hash(p->urls[w->url].text);
        provider = provider * 31 + span_hash(p->urls[w->url].text);
    }
    if (p->keys_n > 1)
        target = target * 31 + key;
    group = w->target->shares_limits;
    if (!span_has(group))
        group = provider_limit_group(p->type, w->target->model);
    ret = (struct policy_candidate){.target = not_0(target),
                                    .credential = not_0(span_hash(p->name) * 31 + key + 1),
                                    .provider = not_0(provider),
                                    .thinks = w->target->thinks,
                                    .model = not_0(span_hash(w->target->id)),
                                    .context = w->target->context,
                                    .endpoint = p->poll_ms ? p->urls[w->url].id : 0,
                                    .degraded = w->target->degraded,
                                    .apart = p->type->limits.apart,
                                    .refills = p->type->limits.refills,
                                    .ramps = p->type->limits.ramps,
                                    .tier = w->target->tier,
                                    .weight = settings_weight(w, w->target->weight),
                                    .cost = ROUTE_NO_PRICE};
    if (span_has(group)) /* a group is of one account at one endpoint */
        ret.limits = not_0((ret.credential * 31 + provider) * 31 + span_hash(group));
    settings_watch(&ret.fates, w);
    return ret;
}
