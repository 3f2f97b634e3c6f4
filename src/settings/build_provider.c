/*
 * build_provider.c - the keys under `providers`, with what they inherit from `defaults`.
 */
#include "base/file.h"
#include "net/tls.h"
#include "settings/build.h"

const struct settings_provider *build_find_provider(const struct build *b, struct span name)
{
    const struct settings *s = &b->snap->pub;

    for (size_t i = 0; i < s->providers_n; i++)
        if (span_eq(s->providers[i].name, name))
            return &s->providers[i];
    return NULL;
}

void build_no_provider(struct build *b, struct conf_place at, const char *where, struct span name)
{
    const struct settings *s = &b->snap->pub;
    struct span names[CONF_CHOICES_MAX];
    struct conf_diag *d;
    size_t n = MIN(s->providers_n, ARRAY_LEN(names));

    d = conf_report_add(b->report, CONF_ERROR, "E031", at, "%s: no provider named '%.*s'", where,
                        SPAN_FMT(name));
    for (size_t i = 0; i < n; i++)
        names[i] = s->providers[i].name;
    conf_diag_choices(b->report, d, "providers", names, n, name);
}

/* Texts of the tree end with NUL. */
static void check_url(struct build *b, const struct keys_provider *k, const struct provider *type,
                      const struct settings_url *u, const struct conf_value *v)
{
    enum types_host kind = types_host_kind(u->host);
    bool open = type->engine || k->private_ok.num == 1;
    const char *name = k->self.text.p;

    if (kind == HOST_FORBIDDEN)
        conf_report_add(b->report, CONF_ERROR, "E036", v->at,
                        "providers.%s: '%s' is an address that no provider may have", name,
                        v->text.p);
    if (open)
        return;
    if (kind == HOST_PRIVATE || kind == HOST_LOOPBACK)
        conf_report_add(b->report, CONF_ERROR, "E036", v->at,
                        "providers.%s: '%s' is a private address; if that is meant, write "
                        "private: true",
                        name, v->text.p);
    else if (!u->tls && kind != HOST_FORBIDDEN)
        conf_report_add(b->report, CONF_WARNING, "W001", v->at,
                        "providers.%s: '%s' is clear text; the key and all prompts can be read on "
                        "the way",
                        name, v->text.p);
}

static void check_twice(struct build *b, const struct keys_provider *k, size_t n)
{
    const struct keys_endpoint *v = k->endpoints.items;

    for (size_t i = 0; i < n; i++)
        if (span_eq(v[i].url.text, v[n].url.text))
            conf_report_add(b->report, CONF_ERROR, "E032", v[n].url.at,
                            "providers.%s.endpoints has '%s' twice", k->self.text.p,
                            v[n].url.text.p);
}

/* The first of the row's variables that holds something. */
static struct span from_env(const struct build *b, const char *const *names)
{
    for (; names && *names; names++)
        if (env_get(b->env, span_str(*names)).n > 0)
            return env_get(b->env, span_str(*names));
    return span_of(NULL, 0);
}

static void complain_place(struct build *b, const struct keys_provider *k, const char *word,
                           const char *const *names)
{
    struct conf_diag *d;

    d = conf_report_add(b->report, CONF_ERROR, "E033", k->self.at,
                        "providers.%s: type %s needs a %s", k->self.text.p,
                        provider_at(k->type.num)->name, word);
    conf_diag_note(b->report, d, "write %s:%s%s", word, names && names[0] ? " or set " : "",
                   names && names[0] ? names[0] : "");
}

/* The region ('r') or the project ('p') of a row that has a place for it; what is complained about
 * is some word, so that the rest can be judged. */
static struct span build_place(struct build *b, const struct keys_provider *k, char place,
                               const struct conf_value *v, const char *const *names)
{
    const struct provider *type = provider_at(k->type.num);
    const char *word = place == 'r' ? "region" : "project";
    unsigned needed = provider_places(type, place);
    struct span text = v->set ? v->text : from_env(b, names);
    uint64_t unused;
    struct err e;

    if (!needed && place == 'r') /* it says where it is, and nothing else comes of it */
        return build_text(b, v);
    if (!needed) {
        if (v->set)
            conf_report_add(b->report, CONF_ERROR, "E038", v->at, "providers.%s: type %s has no %s",
                            k->self.text.p, type->name, word);
        return span_of(NULL, 0);
    }
    if (!v->bad && span_has(text) && types_place.parse(text, &unused, &e) == 0)
        return build_dup(b, text);
    if (k->key.set)
        needed &= ~(unsigned)PLACE_SIGNATURE;
    if (k->endpoints.set)
        needed &= ~(unsigned)PLACE_BASE;
    if (!v->bad && !needed)
        return span_of(NULL, 0);
    if (!v->bad)
        complain_place(b, k, word, names);
    return SPAN_LIT("unknown");
}

/* A base of the row, or the user's, with what goes behind it. */
static struct settings_url url_with_scope(struct build *b, const struct settings_provider *p,
                                          struct span base)
{
    struct settings_url u;
    struct buf scope;

    buf_init(&scope, 1024);
    if (p->type->scope)
        provider_expand(&scope, p->type->scope, p->region, p->project);
    if (scope.n && !span_ends(base, buf_span(&scope))) {
        while (base.n && base.p[base.n - 1] == '/')
            base.n--;
        base = arena_join(&b->snap->arena, (struct span[]){base, buf_span(&scope)}, 2);
        b->nomem |= !span_has(base);
    }
    b->nomem |= !buf_ok(&scope);
    u = build_url(b, base);
    buf_fini(&scope);
    return u;
}

static struct settings_url row_url(struct build *b, const struct settings_provider *p)
{
    bool global = p->type->base_global && span_is(p->region, "global");
    struct settings_url u;
    struct buf base;

    buf_init(&base, 1024);
    provider_expand(&base, global ? p->type->base_global : p->type->base, p->region, p->project);
    b->nomem |= !buf_ok(&base);
    u = url_with_scope(b, p, buf_span(&base));
    buf_fini(&base);
    return u;
}

/* Above what the board keeps for itself. */
static uint64_t endpoint_id(const struct settings_provider *p, const struct settings_url *u)
{
    return (span_hash(p->name) * 31 + span_hash(u->text)) | UINT64_C(2);
}

static void build_urls(struct build *b, const struct keys_provider *k, struct settings_provider *p)
{
    const struct keys_endpoint *v = k->endpoints.items;
    struct settings_url *urls;
    size_t n = k->endpoints.n;
    struct conf_diag *d;

    urls = build_alloc(b, MAX(n, (size_t)1), sizeof(*urls));
    if (!urls)
        return;
    p->urls = urls;
    for (size_t i = 0; i < n; i++) {
        urls[i] = url_with_scope(b, p, v[i].url.text);
        urls[i].id = endpoint_id(p, &urls[i]);
        if (v[i].domain.set && !v[i].domain.bad)
            urls[i].domain = build_dup(b, v[i].domain.text);
        check_url(b, k, p->type, &urls[i], &v[i].url);
        check_twice(b, k, i);
    }
    p->urls_n = n;
    if (n > 0 || k->endpoints.bad)
        return;
    if (p->type->base) {
        urls[0] = row_url(b, p);
        p->urls_n = 1;
        return;
    }
    d = conf_report_add(b->report, CONF_ERROR, "E033", k->self.at,
                        "providers.%.*s: type %s has no address of its own", SPAN_FMT(p->name),
                        p->type->name);
    conf_diag_note(b->report, d, "write endpoints: with its URL");
}

/* The domain of endpoint i: that of an earlier one with the same word, or the next one. */
static uint16_t domain_of(const struct settings_provider *p, const uint16_t *domains, size_t i,
                          uint16_t next)
{
    for (size_t k = 0; k < i && span_has(p->urls[i].domain); k++)
        if (span_eq(p->urls[k].domain, p->urls[i].domain))
            return domains[k];
    return next;
}

static void build_pool(struct build *b, const struct keys_provider *k, struct settings_provider *p)
{
    uint64_t *ids = build_alloc(b, p->urls_n, sizeof(*ids));
    uint16_t *domains = build_alloc(b, p->urls_n, sizeof(*domains));

    if (!ids || !domains)
        return;
    MUST(p->urls_n <= POLICY_POOL_MAX); /* keys.c */
    p->pool = (struct policy_pool){.ids = ids, .domains = domains, .n = (uint16_t)p->urls_n};
    for (size_t i = 0; i < p->urls_n; i++) {
        ids[i] = p->urls[i].id;
        domains[i] = domain_of(p, domains, i, p->pool.domains_n);
        p->pool.domains_n = MAX(p->pool.domains_n, (uint16_t)(domains[i] + 1));
    }
    if (p->urls_n > 1 && p->pool.domains_n == 1)
        conf_report_add(
            b->report, CONF_WARNING, "W015", k->endpoints.at,
            "providers.%.*s: all endpoints die with '%.*s', so the pool is unprotected: "
            "nobody would hold its sessions",
            SPAN_FMT(p->name), SPAN_FMT(p->urls[0].domain));
}

static void build_keys(struct build *b, const struct keys_provider *k, struct settings_provider *p)
{
    const struct conf_value *v = k->key.items;
    struct conf_diag *d;
    struct secret *keys = build_alloc(b, k->key.n, sizeof(*keys));

    if (!keys)
        return;
    p->keys = keys;
    for (size_t i = 0; i < k->key.n; i++)
        if (build_secret(b, &v[i], &keys[p->keys_n]) == 0)
            p->keys_n++;
    if (k->key.n > 0 || k->key.bad || k->credentials.self.set || !p->type || !p->type->key_needed)
        return;
    d = conf_report_add(b->report, CONF_ERROR, "E033", k->self.at,
                        "providers.%.*s: type %s needs a key", SPAN_FMT(p->name), p->type->name);
    conf_diag_note(b->report, d, "write key: env:%s%s",
                   p->type->env_keys && p->type->env_keys[0] ? p->type->env_keys[0] : "NAME",
                   p->type->cloud != CLOUD_NONE ? ", or credentials:" : "");
}

/* "a,b,c" of a list. */
static struct span join(struct build *b, const struct conf_list *list)
{
    const struct conf_value *v = list->items;
    size_t n = 0;
    char *p;

    for (size_t i = 0; i < list->n; i++)
        n += v[i].text.n + 1;
    if (n == 0)
        return (struct span){NULL, 0};
    p = build_alloc(b, n, 1);
    if (!p)
        return (struct span){NULL, 0};
    n = 0;
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            p[n++] = ',';
        memcpy(p + n, v[i].text.p, v[i].text.n);
        n += v[i].text.n;
    }
    return span_of(p, n);
}

static void build_proxy(struct build *b, const struct keys_provider *k, struct settings_provider *p)
{
    bool given = k->proxy.set && !k->proxy.bad && k->proxy.num == 0;

    if (k->proxy_auth.set && !k->proxy_auth.bad) {
        if (!given && !k->proxy.bad)
            conf_report_add(b->report, CONF_ERROR, "E038", k->proxy_auth.at,
                            "providers.%.*s: proxy_auth needs proxy", SPAN_FMT(p->name));
        else if (build_secret(b, &k->proxy_auth, &p->proxy.auth) == 0 &&
                 span_find(p->proxy.auth.bytes, ':') == SIZE_MAX)
            conf_report_add(b->report, CONF_ERROR, "E042", k->proxy_auth.at,
                            "secret %.*s is not user:password", SPAN_FMT(k->proxy_auth.text));
    }
    if (given) {
        p->proxy.set = true;
        p->proxy.url = build_url(b, k->proxy.text);
    } else if (!k->proxy.set && !p->type->engine && p->urls_n > 0) {
        build_env_proxy(b, &p->urls[0], &p->proxy);
    }
    if (k->no_proxy.set)
        p->proxy.no_proxy = join(b, &k->no_proxy);
}

static void check_engines(struct build *b, const struct keys_provider *k)
{
    if (b->snap->pub.engines_n > SETTINGS_ENGINES_MAX)
        conf_report_add(b->report, CONF_ERROR, "E015", k->engine.self.at,
                        "providers.%s.engine is one too many; the most is %d", k->self.text.p,
                        SETTINGS_ENGINES_MAX);
}

static void build_engine(struct build *b, const struct keys_provider *k,
                         const struct settings_provider *p, struct settings_engine *ret)
{
    const struct conf_value *v = k->engine.command.items;
    struct span *argv = build_alloc(b, k->engine.command.n, sizeof(*argv));

    if (!argv)
        return;
    for (size_t i = 0; i < k->engine.command.n; i++)
        argv[i] = build_dup(b, v[i].text);
    *ret = (struct settings_engine){
        .provider = p,
        .argv = argv,
        .argv_n = k->engine.command.n,
        .ready_path = build_dup(b, k->engine.ready.text),
    };
    check_engines(b, k);
    if (!p->type->engine)
        conf_report_add(b->report, CONF_ERROR, "E037", k->engine.self.at,
                        "providers.%.*s: type %s is a cloud provider; no engine can be started "
                        "for it",
                        SPAN_FMT(p->name), p->type->name);
    if (k->engine.command.n == 0 && k->engine.command.set && !k->engine.command.bad)
        conf_report_add(b->report, CONF_ERROR, "E037", k->engine.command.at,
                        "providers.%.*s.engine.command is empty", SPAN_FMT(p->name));
    if (k->engine.command.n > 0 && !k->engine.command.bad && v[0].text.p[0] != '/')
        conf_report_add(b->report, CONF_ERROR, "E037", v[0].at,
                        "providers.%.*s.engine.command: '%.*s' must be an absolute path",
                        SPAN_FMT(p->name), SPAN_FMT(v[0].text));
}

/* Would this bundle do? It stands at where + name. */
static void check_ca(struct build *b, const struct conf_value *v, const char *where,
                     struct span name)
{
    struct span file = build_text(b, v);
    struct err e;

    if (span_has(file) && file_check(file.p, &e) < 0)
        conf_report_add(b->report, CONF_ERROR, "E041", v->at, "%s%.*s.tls.ca cannot be read: %s",
                        where, SPAN_FMT(name), e.text);
    else if (span_has(file) && tls_check_ca(file.p, &e) < 0)
        conf_report_add(b->report, CONF_ERROR, "E044", v->at, "%s%.*s.tls.ca: %s", where,
                        SPAN_FMT(name), e.text);
}

static void build_ca(struct build *b, const struct keys_provider *k, struct settings_provider *p)
{
    const struct conf_value *all = &b->keys->defaults.tls.ca;
    struct span of_env = env_get(b->env, SPAN_LIT("SSL_CERT_FILE"));

    p->ca_file = build_text(b, k->tls.ca.set ? &k->tls.ca : all);
    if (!span_has(p->ca_file) && of_env.n) /* so that a reload sees what is new in it */
        p->ca_file = build_dup(b, of_env);
    p->ca_stamp = span_has(p->ca_file) ? file_stamp(p->ca_file.p) : 0;
    check_ca(b, &k->tls.ca, "providers.", p->name);
}

/* What providers have in common. */
static void build_ca_of_all(struct build *b)
{
    const struct conf_value *ca = &b->keys->defaults.tls.ca;
    struct span given = env_get(b->env, SPAN_LIT("SSL_CERT_FILE"));
    struct err e;

    check_ca(b, ca, "defaults", (struct span){NULL, 0});
    if (ca->set || given.n == 0)
        return;
    given = build_dup(b, given);
    if (span_has(given) && tls_check_ca(given.p, &e) < 0)
        conf_report_add(b->report, CONF_WARNING, "W006", (struct conf_place){0, 0, 0},
                        "SSL_CERT_FILE cannot be used, so no provider without tls.ca can be "
                        "reached by TLS: %s",
                        e.text);
}

/* Only streams of OpenAI's two older operations have more than one way to end. */
static void build_terminal(struct build *b, const struct keys_provider *k,
                           struct settings_provider *p)
{
    struct conf_diag *d;

    p->terminal = p->type->terminal;
    if (!k->terminal.set || k->terminal.bad)
        return;
    p->terminal = k->terminal.num == 0 ? TERMINAL_DONE : TERMINAL_FINISH;
    if (p->type->paths[OP_CHAT] || p->type->paths[OP_COMPLETIONS])
        return;
    d = conf_report_add(b->report, CONF_WARNING, "W010", k->terminal.at,
                        "providers.%.*s.terminal has no effect: what ends a stream of type %s is "
                        "never in doubt",
                        SPAN_FMT(p->name), p->type->name);
    conf_diag_note(b->report, d, "leave it out");
}

static void build_provider(struct build *b, const struct keys_provider *k,
                           struct settings_provider *p)
{
    const struct keys_timeout *d = &b->keys->defaults.timeout;
    const char *const project[] = {p->type->env_project, NULL};

    p->region = build_place(b, k, 'r', &k->region, p->type->env_region);
    p->project = build_place(b, k, 'p', &k->project, project);
    build_urls(b, k, p);
    build_proxy(b, k, p);
    build_terminal(b, k, p);
    p->http = (enum settings_http)k->http.num;
    build_ca(b, k, p);
    p->allow_private = p->type->engine || k->private_ok.num == 1;
    p->api_version = build_text(b, &k->api_version);
    p->timeout = (struct settings_timeouts){
        .connect_ms = build_either(&k->timeout.connect, &d->connect),
        .first_ms = build_either(&k->timeout.first_token, &d->first_token),
        .idle_ms = build_either(&k->timeout.idle, &d->idle),
        .total_ms = build_either(&k->timeout.total, &d->total),
        .adaptive = build_either(&k->timeout.adaptive, &d->adaptive),
    };
    p->facts = build_facts(b, &k->facts, NULL);
    p->meets = build_meets(b, &p->facts);
    p->fate = build_text(b, &k->fate);
    p->poll_ms = p->type->engine ? k->poll.num : 0;
    if (p->poll_ms)
        build_pool(b, k, p);
    build_credential(b, k, p);
}

static bool passes_any(const struct provider *type)
{
    for (enum provider_op op = 0; op < OPS; op++)
        if (type->paths[op] && !provider_op_row(op)->routed)
            return true;
    return false;
}

static void build_pass_entry(struct build *b, const struct conf_value *v, size_t n,
                             const struct settings_provider **ret)
{
    const struct conf_value *before = b->keys->pass.items;
    struct conf_diag *d;

    *ret = build_find_provider(b, v->text);
    if (!*ret)
        build_no_provider(b, v->at, "pass", v->text);
    for (size_t i = 0; i < n; i++)
        if (span_eq(before[i].text, v->text))
            conf_report_add(b->report, CONF_ERROR, "E032", v->at, "pass has '%.*s' twice",
                            SPAN_FMT(v->text));
    if (!*ret || !(*ret)->type || passes_any((*ret)->type))
        return;
    d = conf_report_add(b->report, CONF_WARNING, "W010", v->at,
                        "pass: '%.*s' has no effect: type %s has none of the paths that pass "
                        "through",
                        SPAN_FMT(v->text), (*ret)->type->name);
    conf_diag_note(b->report, d, "leave it out; docs/providers.md lists who has which");
}

static void build_pass(struct build *b)
{
    const struct conf_list *list = &b->keys->pass;
    const struct conf_value *v = list->items;
    const struct settings_provider **pass = (const struct settings_provider **)build_alloc(
        b, list->n, sizeof(struct settings_provider *));

    if (!pass)
        return;
    for (size_t i = 0; i < list->n; i++)
        build_pass_entry(b, &v[i], i, &pass[i]);
    b->snap->pub.pass = pass;
    b->snap->pub.pass_n = list->n;
}

void build_providers(struct build *b)
{
    const struct conf_list *list = &b->keys->providers;
    const struct keys_provider *k = list->items;
    struct settings *s = &b->snap->pub;
    struct settings_provider *p = build_alloc(b, list->n, sizeof(*p));
    struct settings_engine *engines = build_alloc(b, list->n, sizeof(*engines));
    struct build_engine_places *places = build_alloc(b, list->n, sizeof(*places));

    if (!p || !engines || !places)
        return;
    b->snap->places.engines = places;
    s->providers = p;
    s->engines = engines;
    /* All names first: whoever names a provider that is wrong in itself is not wrong. */
    for (size_t i = 0; i < list->n; i++)
        p[i].name = build_dup(b, k[i].self.text);
    s->providers_n = list->n;
    for (size_t i = 0; i < list->n && !b->nomem; i++) {
        if (k[i].type.set && !k[i].type.bad)
            p[i].type = provider_at(k[i].type.num);
        build_keys(b, &k[i], &p[i]);
        if (!p[i].type)
            continue; /* without its type nothing can be said about the rest */
        build_provider(b, &k[i], &p[i]);
        if (k[i].engine.self.set && !k[i].engine.self.bad) {
            places[s->engines_n] =
                (struct build_engine_places){k[i].engine.self.at, k[i].endpoints.at};
            build_engine(b, &k[i], &p[i], &engines[s->engines_n++]);
        }
    }
    if (list->n == 0 && !list->bad)
        conf_report_add(b->report, CONF_WARNING, "W004", list->at,
                        "no providers; every request will be refused");
    build_ca_of_all(b);
    build_pass(b);
}
