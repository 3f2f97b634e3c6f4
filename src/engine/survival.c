/*
 * survival.c - see survival.h.
 */
#include "engine/survival.h"

#include "base/mem.h"

/* What people know of a provider's pool. */
struct watched {
    uint64_t name;       /* a hash */
    enum policy_n1 told; /* N1_OK at first: that it survives is no news */
    enum policy_n1 seen; /* lately ... */
    ev_us since;         /* ... since then */
};

struct survival {
    struct survival_conf conf;
    struct settings *settings;
    struct ev_timer next;
    size_t n; /* one a provider */
    struct watched *watched;
};

static const char *why(const struct survive_verdict *v, char text[96])
{
    if (v->lost == 0)
        return "its largest session fits nowhere, or all of them are read again too slowly";
    snprintf(text, 96, "its sessions are %llu tokens more than the rest has room for",
             (unsigned long long)v->lost);
    return text;
}

static void say(const struct survival *s, const struct settings_provider *p,
                const struct policy_pool_view *v)
{
    static const char *const texts[N1_STATES] = {
        [N1_UNKNOWN] = ": of an engine that serves it is not known what it holds",
        [N1_UNPROTECTED] = " is down to one failure domain: nobody would hold its sessions",
        [N1_OK] = " would survive the loss of any one failure domain",
        [N1_NOT] = " would not survive the loss of ",
    };
    char line[320], text[96];
    size_t n = 0;

    n += (size_t)snprintf(line, sizeof(line), "pool %.*s%s", SPAN_FMT(p->name), texts[v->n1]);
    if (v->n1 == N1_NOT && n < sizeof(line)) {
        struct span domain = settings_domain_name(p, v->verdict.domain);

        snprintf(line + n, sizeof(line) - n, "%.*s: %s", SPAN_FMT(domain), why(&v->verdict, text));
    }
    s->conf.say(s->conf.arg, line);
}

static void look(struct survival *s, const struct settings_provider *p, struct watched *w)
{
    ev_us now = ev_now(s->conf.ev);
    struct policy_pool_view v;

    policy_pool_look(&v, &p->pool, s->conf.board, s->conf.workers, now);
    if (v.n1 != w->seen)
        w->since = now;
    w->seen = v.n1;
    if (w->seen == w->told || now - w->since < SURVIVAL_TELL_US)
        return;
    w->told = w->seen;
    say(s, p, &v);
}

static void rest(struct survival *s)
{
    struct err e;

    if (ev_timer_set(&s->next, EV_MS(SURVIVAL_LOOK_MS), &e) < 0)
        s->conf.say(s->conf.arg, "no memory for a timer; pools are not looked at any more");
}

static void on_next(struct ev_timer *t)
{
    struct survival *s = CONTAINER_OF(t, struct survival, next);

    for (size_t i = 0; i < s->n; i++)
        if (s->settings->providers[i].pool.domains_n > 1)
            look(s, &s->settings->providers[i], &s->watched[i]);
    rest(s);
}

static enum policy_n1 told_of(const struct survival *s, uint64_t name)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->watched[i].name == name)
            return s->watched[i].told;
    return N1_OK;
}

void survival_use(struct survival *s, struct settings *settings)
{
    struct watched *watched = mem_zalloc(MAX(settings->providers_n, (size_t)1), sizeof(*watched));

    for (size_t i = 0; watched && i < settings->providers_n; i++) {
        watched[i].name = span_hash(settings->providers[i].name);
        watched[i].told = watched[i].seen = told_of(s, watched[i].name);
        watched[i].since = ev_now(s->conf.ev);
    }
    if (!watched)
        s->conf.say(s->conf.arg, "no memory to look whether pools would survive a loss");
    mem_free(s->watched);
    settings_unref(&s->settings);
    s->settings = settings_ref(settings);
    s->watched = watched;
    s->n = watched ? settings->providers_n : 0;
    rest(s);
}

int survival_new(struct survival **ret, const struct survival_conf *conf, struct err *e)
{
    struct survival *s = mem_zalloc(1, sizeof(*s));

    if (!s)
        return err_set(e, ERR_NOMEM, "no memory to look whether pools would survive a loss");
    s->conf = *conf;
    ev_timer_init(&s->next, conf->ev, on_next);
    *ret = s;
    return 0;
}

void survival_free(struct survival **ps)
{
    struct survival *s = *ps;

    *ps = NULL;
    if (!s)
        return;
    ev_timer_stop(&s->next);
    mem_free(s->watched);
    settings_unref(&s->settings);
    mem_free(s);
}
