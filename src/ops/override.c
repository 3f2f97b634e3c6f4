/*
 * override.c - see override.h. A word that could have no effect is refused: who says it would
 * believe that something is done.
 */
#include "ops/override.h"

#include "codec/percent.h"
#include "record/log.h"

#define DEFAULT_S 3600

/* ---- could it have an effect? ---- */

static int is_service(const struct settings *s, struct span name, struct err *e)
{
    struct settings_plan plan;
    struct span rest = name, provider = span_cut(&rest, '/');

    for (size_t i = 0; i < s->providers_n; i++)
        if (span_eq(s->providers[i].name, provider) &&
            (!span_has(rest) || settings_resolve(&plan, s, name) == 0))
            return 0;
    return err_set(e, ERR_PARSE,
                   "target is provider/model or the name of a provider that is configured.");
}

/* A target with that of another one in the same tier, in a plan that goes by weights? */
static bool is_weighed(const struct settings_model *m, struct span name)
{
    const struct settings_target *t = m->targets, *at = NULL;

    if (m->strategy != ROUTE_WEIGHTED)
        return false;
    for (size_t i = 0; i < m->targets_n && !at; i++)
        if (span_eq(t[i].id, name))
            at = &t[i];
    for (size_t i = 0; at && i < m->targets_n; i++)
        if (&t[i] != at && t[i].tier == at->tier)
            return true;
    return false;
}

static int is_share(const struct settings *s, struct span name, struct err *e)
{
    for (size_t i = 0; i < s->models_n; i++)
        if (is_weighed(&s->models[i], name))
            return 0;
    return err_set(e, ERR_PARSE,
                   "No tier uses a weight of %.*s: a model has to have it as a target beside "
                   "others of its tier, with strategy: weighted.",
                   (int)MIN(name.n, (size_t)OVERRIDE_NAME), name.p);
}

static int is_spill(const struct settings *s, struct span name, struct err *e)
{
    const struct settings_model *m = NULL;

    for (size_t i = 0; i < s->models_n && !m; i++)
        if (span_eq(s->models[i].name, name))
            m = &s->models[i];
    if (!m)
        return err_set(e, ERR_PARSE, "model is the name of a model that is configured.");
    for (size_t i = 1; i < m->targets_n; i++)
        if (settings_tier(&m->targets[i]) != settings_tier(&m->targets[0]))
            return 0;
    return err_set(e, ERR_PARSE,
                   "%.*s has one tier, and spills nowhere: write tier: 2 at the targets that it "
                   "spills to, or disable them.",
                   SPAN_FMT(name));
}

/* ---- what is asked for ---- */

static int is_any(const struct settings *s, struct span name, struct err *e)
{
    UNUSED(s);
    UNUSED(name);
    UNUSED(e);
    return 0;
}

static const struct word {
    const char *word;
    const char *about; /* the member of the query that says of whom it is said */
    enum override_what what;
    unsigned ends;
    int (*check)(const struct settings *s, struct span name, struct err *e);
} words[] = {
    {"drain", "target", OVERRIDE_DRAIN, 0, is_service},
    {"disable", "target", OVERRIDE_DISABLE, 0, is_service},
    {"weight", "target", OVERRIDE_WEIGHT, 0, is_share},
    {"enable", "target", OVERRIDE_NONE, OVERRIDE_SERVICE | OVERRIDE_SHARE, is_any},
    {"stop-spill", "model", OVERRIDE_STOP_SPILL, 0, is_spill},
    {"allow-spill", "model", OVERRIDE_NONE, OVERRIDE_SPILL, is_any},
};

/* A value of the query, plain, with its NUL. -1: it does not fit. */
static int take(char *out, size_t cap, struct span value)
{
    size_t n = 0, i = 0;

    while (i < value.n) {
        if (n + 1 == cap)
            break;
        i += percent_take(span_of(value.p + i, value.n - i), &out[n++]);
    }
    out[n] = '\0';
    view_tame(out);
    return i < value.n ? -1 : 0;
}

static const struct word *find_word(struct span what)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (span_is(what, words[i].word))
            return &words[i];
    return NULL;
}

/* The members of the query as they stand there; absent: they do not. */
struct members {
    struct span target, model, what, weight, seconds, who, why;
};

static void read_members(struct members *ret, struct span query)
{
    const struct {
        const char *name;
        struct span *value;
    } rows[] = {{"target", &ret->target}, {"model", &ret->model}, {"what", &ret->what},
                {"weight", &ret->weight}, {"for", &ret->seconds}, {"who", &ret->who},
                {"why", &ret->why}};

    *ret = (struct members){.target = {NULL, 0}};
    while (span_has(query)) {
        struct span value = span_cut(&query, '&'), name = span_cut(&value, '=');

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            if (span_is(name, rows[i].name))
                *rows[i].value = value;
    }
}

static int read_numbers(struct override *o, const struct members *m, uint64_t now_us, struct err *e)
{
    uint64_t seconds = DEFAULT_S;

    if (m->seconds.p &&
        (span_u64(m->seconds, &seconds) < 0 || seconds == 0 || seconds > OVERRIDE_MOST_S))
        return err_set(e, ERR_PARSE, "for is a number of seconds, at most thirty days.");
    o->until_us = now_us + seconds * 1000000;
    if (o->what == OVERRIDE_WEIGHT &&
        (span_u64(m->weight, &o->value) < 0 || o->value > SETTINGS_WEIGHT_MAX))
        return err_set(e, ERR_PARSE, "weight is a number, at most %d.", SETTINGS_WEIGHT_MAX);
    return 0;
}

int override_read(struct override_order *ret, struct span query, const struct settings *s,
                  uint64_t now_us, struct err *e)
{
    struct override *o = &ret->said;
    const struct word *word;
    struct members m;

    memset(ret, 0, sizeof(*ret));
    read_members(&m, query);
    word = find_word(m.what);
    if (!word)
        return err_set(e, ERR_PARSE,
                       "what is drain, disable, weight, enable, stop-spill or allow-spill.");
    ret->word = word->word;
    ret->ends = word->ends;
    o->what = word->what;
    if (take(o->name, sizeof(o->name), strcmp(word->about, "model") == 0 ? m.model : m.target) < 0)
        return err_set(e, ERR_PARSE, "No %s has such a long name.", word->about);
    if (word->check(s, span_str(o->name), e) < 0)
        return -1;
    UNUSED(take(o->who, sizeof(o->who), m.who)); /* cut is good enough */
    UNUSED(take(o->why, sizeof(o->why), m.why));
    return read_numbers(o, &m, now_us, e);
}

bool override_obey(struct board *b, const struct override_order *order, uint64_t now_us)
{
    if (order->ends == 0)
        return override_put(b, &order->said, now_us);
    override_end(b, span_str(order->said.name), order->ends, now_us);
    return true;
}

/* ---- what stands ---- */

static void write_one(struct json_write *w, const struct view *v, const struct override *o)
{
    bool model = override_kind_of(o->what) == OVERRIDE_SPILL;
    char until[RECORD_TIME_TEXT];

    json_begin_object(w);
    json_kv_cstring(w, model ? "model" : "target", o->name);
    json_kv_cstring(w, "what", override_word(o->what));
    if (o->what == OVERRIDE_WEIGHT)
        json_kv_uint(w, "weight", o->value);
    json_kv_cstring(w, "until",
                    record_time_text(v->wall_ms + (o->until_us - v->now_us) / 1000, until));
    json_kv_cstring(w, "who", o->who[0] ? o->who : NULL);
    json_kv_cstring(w, "why", o->why[0] ? o->why : NULL);
    json_end_object(w);
}

void override_write(struct json_write *w, const struct view *v)
{
    struct override o;

    json_begin_array(w);
    for (size_t i = 0; i < BOARD_OVERRIDES; i++)
        if (override_at(v->board, i, v->now_us, &o))
            write_one(w, v, &o);
    json_end_array(w);
}

void override_count(struct metrics *m, const struct view *v)
{
    uint64_t n[OVERRIDES_N] = {0};
    struct override o;

    for (size_t i = 0; i < BOARD_OVERRIDES; i++)
        if (override_at(v->board, i, v->now_us, &o))
            n[o.what]++;
    for (uint64_t i = OVERRIDE_DRAIN; i < OVERRIDES_N; i++)
        metrics_set(m, METRIC_OVERRIDES, (struct span[]){span_str(override_word(i))}, (double)n[i]);
}
