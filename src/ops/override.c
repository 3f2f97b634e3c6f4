/*
 * override.c - see override.h.
 */
#include "ops/override.h"

#include "codec/percent.h"
#include "record/log.h"

#define DEFAULT_S 3600

/* A value of the query, plain, with its NUL. -1: it does not fit. */
static int take(char *out, size_t cap, struct span value)
{
    size_t n = 0, i = 0;

    while (i < value.n) {
        if (n + 1 == cap)
            return -1;
        i += percent_take(span_of(value.p + i, value.n - i), &out[n++]);
    }
    out[n] = '\0';
    view_tame(out);
    return 0;
}

static bool is_known(const struct settings *s, struct span name)
{
    struct settings_plan plan;
    struct span rest = name, provider = span_cut(&rest, '/');

    for (size_t i = 0; i < s->providers_n; i++)
        if (span_eq(s->providers[i].name, provider))
            return !span_has(rest) || settings_resolve(&plan, s, name) == 0;
    return false;
}

static int read_what(struct override *ret, struct span word, struct err *e)
{
    if (span_is(word, "enable"))
        ret->what = OVERRIDE_NONE;
    else if (span_is(word, "drain"))
        ret->what = OVERRIDE_DRAIN;
    else if (span_is(word, "disable"))
        ret->what = OVERRIDE_DISABLE;
    else
        return err_set(e, ERR_PARSE, "what is drain, disable or enable.");
    return 0;
}

int override_read(struct override *ret, struct span query, const struct settings *s,
                  uint64_t now_us, struct err *e)
{
    uint64_t seconds = DEFAULT_S;
    struct span what = {NULL, 0};

    memset(ret, 0, sizeof(*ret));
    while (span_has(query)) {
        struct span value = span_cut(&query, '&'), name = span_cut(&value, '=');

        if (span_is(name, "target") && take(ret->name, sizeof(ret->name), value) < 0)
            return err_set(e, ERR_PARSE, "No target has such a long name.");
        if (span_is(name, "why"))
            UNUSED(take(ret->why, sizeof(ret->why), value)); /* cut is good enough */
        if (span_is(name, "what"))
            what = value;
        if (span_is(name, "for") &&
            (span_u64(value, &seconds) < 0 || seconds == 0 || seconds > OVERRIDE_MOST_S))
            return err_set(e, ERR_PARSE, "for is a number of seconds, at most thirty days.");
    }
    ret->until_us = now_us + seconds * 1000000;
    if (read_what(ret, what, e) < 0)
        return -1;
    if (ret->what != OVERRIDE_NONE && !is_known(s, span_str(ret->name)))
        return err_set(e, ERR_PARSE,
                       "target is provider/model or the name of a provider that is configured.");
    return 0;
}

void override_write(struct json_write *w, const struct view *v)
{
    char until[RECORD_TIME_TEXT];
    struct override o;

    json_begin_array(w);
    for (size_t i = 0; i < BOARD_OVERRIDES; i++) {
        if (!override_at(v->board, i, v->now_us, &o))
            continue;
        json_begin_object(w);
        json_kv_cstring(w, "target", o.name);
        json_kv_cstring(w, "what", override_word(o.what));
        json_kv_cstring(w, "until",
                        record_time_text(v->wall_ms + (o.until_us - v->now_us) / 1000, until));
        json_kv_cstring(w, "why", o.why[0] ? o.why : NULL);
        json_end_object(w);
    }
    json_end_array(w);
}
