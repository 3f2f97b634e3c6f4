/*
 * build_server.c - the keys under `server`, `reload` and `telemetry`.
 */
#include "base/file.h"
#include "net/tls.h"
#include "settings/build.h"

static bool any_address(const struct net_addr *a)
{
    if (a->u.any.sa_family == AF_INET)
        return a->u.v4.sin_addr.s_addr == 0;
    return memcmp(&a->u.v6.sin6_addr, &in6addr_any, sizeof(in6addr_any)) == 0;
}

static in_port_t port_of(const struct net_addr *a)
{
    return a->u.any.sa_family == AF_INET ? a->u.v4.sin_port : a->u.v6.sin6_port;
}

/* Could both not be bound at a time? Port 0 is any free one. */
static bool clash(const struct net_addr *a, const struct net_addr *b)
{
    if (a->u.any.sa_family != b->u.any.sa_family || port_of(a) != port_of(b) || port_of(a) == 0)
        return false;
    if (any_address(a) || any_address(b))
        return true;
    if (a->u.any.sa_family == AF_INET)
        return a->u.v4.sin_addr.s_addr == b->u.v4.sin_addr.s_addr;
    return memcmp(&a->u.v6.sin6_addr, &b->u.v6.sin6_addr, sizeof(a->u.v6.sin6_addr)) == 0;
}

static struct net_addr address(const struct conf_value *v)
{
    struct net_addr a = {.u.v4 = {.sin_family = AF_INET}};
    struct err e;

    UNUSED(EXPECT(net_addr_parse(&a, v->text, &e) == 0)); /* read once already */
    return a;
}

static void check_clash(struct build *b, const struct conf_value *at, const struct net_addr *a,
                        const struct conf_value *other, const struct net_addr *o, const char *name)
{
    if (!clash(a, o))
        return;
    conf_report_add(b->report, CONF_ERROR, "E034", at->set ? at->at : other->at,
                    "%s '%.*s' is the same address as server.listen '%.*s'", name,
                    SPAN_FMT(at->text), SPAN_FMT(other->text));
}

static void build_listen(struct build *b)
{
    const struct keys_server *k = &b->keys->server;
    const struct conf_value *v = k->listen.items;
    struct settings *s = &b->snap->pub;
    struct net_addr *addrs = build_alloc(b, k->listen.n, sizeof(*addrs));

    if (!addrs)
        return;
    s->server.listen = addrs;
    s->server.listen_n = k->listen.n;
    s->server.admin = address(&k->admin);
    for (size_t i = 0; i < k->listen.n; i++) {
        addrs[i] = address(&v[i]);
        for (size_t j = 0; j < i; j++)
            check_clash(b, &v[i], &addrs[i], &v[j], &addrs[j], "server.listen");
        check_clash(b, &k->admin, &s->server.admin, &v[i], &addrs[i], "server.admin");
        if (!net_addr_loopback(&addrs[i]) && !b->keys->keys.set)
            conf_report_add(b->report, CONF_WARNING, "W005", v[i].at,
                            "server.listen '%.*s' is open to other machines, which are all "
                            "refused as long as there is no keys section",
                            SPAN_FMT(v[i].text));
    }
    if (k->listen.set && !k->listen.bad && k->listen.n == 0)
        conf_report_add(b->report, CONF_ERROR, "E014", k->listen.at,
                        "server.listen is an empty list; nobody could connect");
    if (!net_addr_loopback(&s->server.admin))
        conf_report_add(b->report, CONF_WARNING, "W005", k->admin.at,
                        "server.admin '%.*s' is open to other machines without protection",
                        SPAN_FMT(k->admin.text));
}

static struct span readable(struct build *b, const struct conf_value *v, const char *name)
{
    struct span path = build_text(b, v);
    struct err e;

    if (span_has(path) && file_check(path.p, &e) < 0)
        conf_report_add(b->report, CONF_ERROR, "E041", v->at, "%s cannot be read: %s", name,
                        e.text);
    return path;
}

static void build_tls(struct build *b)
{
    const struct keys_tls *k = &b->keys->server.tls;
    size_t errors = b->report->errors;
    struct span cert = readable(b, &k->cert, "server.tls.cert");
    struct span key = readable(b, &k->key, "server.tls.key");
    struct err e;

    b->snap->pub.server.tls_cert = cert;
    b->snap->pub.server.tls_key = key;
    if (k->cert.set != k->key.set)
        conf_report_add(b->report, CONF_ERROR, "E038", k->self.at,
                        "server.tls needs both cert and key; %s is missing",
                        k->cert.set ? "key" : "cert");
    else if (span_has(cert) && span_has(key) && b->report->errors == errors &&
             tls_check_pair(cert.p, key.p, &e) < 0)
        conf_report_add(b->report, CONF_ERROR, "E044", k->self.at, "server.tls: %s", e.text);
}

void build_server(struct build *b)
{
    const struct keys_server *k = &b->keys->server;
    const struct keys_limits *l = &k->limits;
    struct settings *s = &b->snap->pub;

    b->snap->places = (struct build_places){
        .listen = k->listen.at,
        .admin = k->admin.at,
        .tls = k->tls.self.at,
        .drain = k->drain.at,
        .workers = k->workers.at,
        .user = k->user.at,
    };
    build_listen(b);
    build_tls(b);
    s->server.drain_ms = k->drain.num;
    s->server.idempotency_ms = k->idempotency.num;
    s->server.workers = (uint32_t)k->workers.num;
    s->server.user = build_text(b, &k->user);
    s->server.limits = (struct http_limits){
        .head_bytes = l->header.num,
        .fields = l->fields.num,
        .path_bytes = l->path.num,
        .body_bytes = l->body.num,
    };
    if (l->path.num > l->header.num)
        conf_report_add(b->report, CONF_ERROR, "E015", l->path.set ? l->path.at : l->header.at,
                        "server.limits.path is larger than server.limits.header, which it is "
                        "part of");
    s->server.answer_bytes_max = l->answer.num;
    s->server.memory_bytes_max = l->memory.num;
    s->server.translation_bytes_max = l->translation.num;
    s->server.memory_given = l->memory.set;
    s->server.translation_given = l->translation.set;
    s->server.conns = (uint32_t)l->connections.num;
    s->server.conns_per_ip = (uint32_t)l->connections_per_ip.num;
    s->server.requests_per_conn = (uint32_t)l->requests_per_connection.num;
    s->server.streams_per_conn = (uint32_t)l->streams_per_connection.num;
    s->server.head_ms = k->timeout.header.num;
    s->server.body_stall_ms = k->timeout.body_stall.num;
    s->server.idle_ms = k->timeout.idle.num;
    s->server.write_stall_ms = k->timeout.write_stall.num;
    s->server.half_close_ok = k->client_half_close.num == 1;
    s->reload.slice = (uint32_t)b->keys->reload.slice.num;
    s->reload.at_least_ms = b->keys->reload.at_least.num;
    s->reload.at_most_ms = b->keys->reload.at_most.num;
    s->reload.unproven = (enum settings_unproven)b->keys->reload.unproven.num;
    if (s->reload.at_least_ms > s->reload.at_most_ms)
        conf_report_add(b->report, CONF_ERROR, "E015",
                        b->keys->reload.at_least.set ? b->keys->reload.at_least.at
                                                     : b->keys->reload.at_most.at,
                        "reload.at_least is longer than reload.at_most, which ends the trial");
    s->log.access = b->keys->telemetry.log.access.num == 1;
    s->log.file = build_text(b, &b->keys->telemetry.log.file);
}
