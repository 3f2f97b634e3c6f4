/*
 * auto.c - a configuration from the environment alone.
 *
 * It is written as the text of a configuration and then loaded like one: there is one way to a
 * snapshot, `config init` starts from the same text, and people see what was found in words that
 * they can keep. The rows decide which variables count; nothing here knows a vendor.
 *
 * A base URL from the environment may be on a private network: whoever set the variable meant it,
 * so the text says private: true. Engines have no key to be recognised by; they are taken when
 * their base URL is set. A cloud is there when something tells that its credentials are, and the
 * region (and the project) is set too: on many machines AWS's keys are for other things.
 *
 * Paths that pass through unread go to whoever was found and has them, as the user of the vendor's
 * own SDK expects: the gateway serves nobody but its own host then, and with keys that are his.
 */
#include "base/buf.h"
#include "codec/json_write.h"
#include "settings/build.h"

#define NAME_BYTES 96

static void warn(struct conf_report *r, const char *name, const char *what)
{
    conf_report_add(r, CONF_WARNING, "W006", (struct conf_place){0, 0, 0}, "%s %s", name, what);
}

/* The first of the variables that holds something. */
static const char *first_set(const char *const *names, const struct env *env)
{
    for (; names && *names; names++)
        if (env_get(env, span_str(*names)).n > 0)
            return *names;
    return NULL;
}

/* The region or the project of a row that has a place for it. absent: of no use, or not set. */
static struct span find_place(const struct provider *p, const struct env *env, char place,
                              const char *const *names)
{
    const char *name = provider_places(p, place) ? first_set(names, env) : NULL;
    struct span value = name ? env_get(env, span_str(name)) : span_of(NULL, 0);

    if (name && types_place.parse(value, &(uint64_t){0}, &(struct err){0}) < 0)
        return span_of(NULL, 0);
    return value;
}

/* The variable that moves the base URL: the row's, else NAME_BASE_URL. */
static void base_name(const struct provider *p, char out[NAME_BYTES])
{
    size_t n = 0;

    if (p->env_base) {
        UNUSED(snprintf(out, NAME_BYTES, "%s", p->env_base));
        return;
    }
    for (; n < NAME_BYTES - sizeof("_BASE_URL") && p->name[n]; n++) {
        char c = p->name[n];

        if (c >= 'a' && c <= 'z')
            out[n] = (char)(c - 'a' + 'A');
        else
            out[n] = (c >= '0' && c <= '9') ? c : '_';
    }
    UNUSED(snprintf(out + n, NAME_BYTES - n, "_BASE_URL"));
}

static void quoted(struct buf *out, const char *key, struct span text)
{
    buf_printf(out, "    %s: \"", key);
    json_escape(out, text);
    buf_add_str(out, "\"\n");
}

/* endpoints and what follows from them. -1: the variable is no URL. */
static int write_base(struct buf *out, const struct provider *p, struct span value)
{
    struct settings_url u;
    enum types_host kind;
    struct err e;

    if (types_read_url(&u, value, &e) < 0)
        return -1;
    kind = types_host_kind(u.host);
    if (kind == HOST_FORBIDDEN)
        return -1;
    quoted(out, "endpoints", value);
    if (!p->engine && (kind == HOST_PRIVATE || kind == HOST_LOOPBACK))
        buf_add_str(out, "    private: true\n");
    return 0;
}

/* false: nothing was written. */
static bool write_provider(struct buf *out, const struct provider *p, const struct env *env,
                           struct conf_report *report)
{
    const char *key = first_set(p->env_keys, env), *const projects[] = {p->env_project, NULL};
    struct span region = find_place(p, env, 'r', p->env_region), value;
    struct span project = find_place(p, env, 'p', projects);
    char base[NAME_BYTES];
    size_t before = out->n;
    unsigned spared;

    base_name(p, base);
    value = env_get(env, span_str(base));
    if (!key && (p->key_needed || (value.n == 0 && !first_set(p->env_cloud, env))))
        return false;
    spared = (key ? PLACE_SIGNATURE : 0) | (value.n ? PLACE_BASE : 0);
    if ((!region.n && (provider_places(p, 'r') & ~spared)) ||
        (!project.n && (provider_places(p, 'p') & ~spared)))
        return false;
    if (value.n == 0 && !p->base) {
        conf_report_add(report, CONF_WARNING, "W006", (struct conf_place){0, 0, 0},
                        "%s is set but %s is not; %s is left out", key, base, p->title);
        return false;
    }
    buf_printf(out, "  %s:\n    type: %s\n", p->name, p->name);
    if (key)
        buf_printf(out, "    key: env:%s\n", key);
    if (region.n)
        quoted(out, "region", region);
    if (project.n)
        quoted(out, "project", project);
    if (value.n > 0 && write_base(out, p, value) < 0) {
        warn(report, base, "is not a usable http:// or https:// URL; the provider is left out");
        if (buf_ok(out))
            out->n = before;
        return false;
    }
    return true;
}

/* Has it a path that passes through and that none had before? Then it has now. */
static bool adds_path(const struct provider *p, bool had[OPS])
{
    bool adds = false;

    for (enum provider_op op = 0; op < OPS; op++) {
        if (!p->paths[op] || provider_op_row(op)->routed)
            continue;
        adds |= !had[op];
        had[op] = true;
    }
    return adds;
}

void settings_auto_text(struct buf *out, const struct env *env, struct conf_report *report)
{
    const struct provider *p;
    bool had[OPS] = {false};
    struct buf providers, pass;

    buf_init(&providers, out->max);
    buf_init(&pass, out->max);
    for (size_t i = 0; (p = provider_at(i)) != NULL; i++)
        if (write_provider(&providers, p, env, report) && adds_path(p, had))
            buf_printf(&pass, "%s%s", pass.n ? ", " : "", p->name);
    buf_add_str(out, "version: 1\n");
    if (pass.n)
        buf_printf(out, "pass: [%.*s]\n", SPAN_FMT(buf_span(&pass)));
    if (providers.n)
        buf_printf(out, "providers:\n%.*s", SPAN_FMT(buf_span(&providers)));
    if (!buf_ok(out) || !buf_ok(&providers) || !buf_ok(&pass))
        out->err = ERR_NOMEM;
    buf_fini(&providers);
    buf_fini(&pass);
}

int settings_auto(struct settings **ret, const struct env *env, struct conf_report *report,
                  struct err *e)
{
    struct buf text;
    int rc = -1;

    buf_init(&text, YAML_BYTES_MAX);
    settings_auto_text(&text, env, report);
    if (buf_finish(&text, "environment", e) == 0)
        rc = settings_load(ret, buf_span(&text), SPAN_LIT("environment"), env, report, e);
    conf_report_source(report, SPAN_LIT("environment"), (struct span){NULL, 0});
    buf_fini(&text);
    return rc;
}
