/*
 * override.c - what somebody has said by hand of targets and models (board/override.h).
 */
#include "board/override.h"

#include "record/log.h"
#include "relay/relay_plan.h"

#define HINT "lamplighter status shows by whose word; lamplighter enable takes it back."

static enum override_what service_of(const struct relay *r, struct span target,
                                     const struct settings_provider *p)
{
    const struct board *b = r->env->sink.overrides;

    return b ? override_of(b, target, p->name, ev_now(r->env->ev)) : OVERRIDE_NONE;
}

static enum override_what said_of(const struct relay *r, const struct settings_way *w)
{
    return service_of(r, w->target->id, w->target->provider);
}

static bool said(const struct relay *r, struct span name, enum override_kind kind,
                 struct override *ret)
{
    const struct board *b = r->env->sink.overrides;

    return b && override_said(b, name, kind, ev_now(r->env->ev), ret);
}

/* "WHAT until 2026-03-01T09:41:07.000Z, by the word of alice: new weights" */
static struct span sentence(struct relay *r, const char *what, const struct override *o)
{
    uint64_t left_ms = (o->until_us - MIN(ev_now(r->env->ev), o->until_us)) / 1000;
    char until[RECORD_TIME_TEXT];

    return arena_printf(&r->arena, "%s until %s%s%s%s%s.", what,
                        record_time_text(ev_wall_ms(r->env->ev) + left_ms, until),
                        o->who[0] ? ", by the word of " : "", o->who, o->why[0] ? ": " : "",
                        o->why);
}

/* ---- weights ---- */

void relay_weigh_by_hand(const struct relay *r, const struct settings_way *w,
                         struct policy_candidate *c)
{
    struct override o;

    if (said(r, w->target->id, OVERRIDE_SHARE, &o))
        c->weight = settings_weight(w, MIN(o.value, (uint64_t)SETTINGS_WEIGHT_MAX));
}

bool relay_is_drained(const struct relay *r, const struct settings_way *w)
{
    return said_of(r, w) == OVERRIDE_DRAIN;
}

/* ---- out ---- */

static void take_out(struct relay *r, const struct relay_skip *s)
{
    r->run.out |= UINT32_C(1) << (s->way - r->ways);
    relay_skip(r, s);
}

void relay_spill_out(struct relay *r)
{
    unsigned first = UINT_MAX;
    struct override o;

    if (!r->plan.model || !said(r, r->plan.model->name, OVERRIDE_SPILL, &o))
        return;
    for (size_t i = 0; i < r->run.n; i++)
        if (!(r->run.out >> i & 1))
            first = MIN(first, settings_tier(r->ways[i].target));
    for (size_t i = 0; i < r->run.n; i++) {
        struct relay_skip s = {
            .way = &r->ways[i], .why = REASON_SPILL_STOPPED, .until_us = o.until_us};

        if (settings_tier(s.way->target) == first || r->run.out >> i & 1)
            continue;
        if (!span_has(r->stopped))
            r->stopped =
                sentence(r, "The model's requests stay in the first tier of its plan by hand", &o);
        s.text = r->stopped.p; /* ends with NUL */
        take_out(r, &s);
    }
}

bool relay_would_spill(const struct relay *r, enum class_id class_id)
{
    return span_has(r->stopped) && class_row(class_id)->elsewhere;
}

/* The word of the target's own, or of its provider, that switches it off; NULL: no memory, or it
 * has just ended. */
static const char *by_whose_word(struct relay *r, struct span target,
                                 const struct settings_provider *p)
{
    struct span names[] = {target, p->name};
    struct override o;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (said(r, names[i], OVERRIDE_SERVICE, &o) && o.what == OVERRIDE_DISABLE)
            return sentence(r, "The target is switched off by hand", &o).p;
    return NULL;
}

bool relay_disabled_out(struct relay *r, struct relay_refusal *no)
{
    size_t left = 0;

    for (uint32_t i = 0; i < r->run.n; i++) {
        struct relay_skip s = {.way = &r->ways[i], .why = REASON_DISABLED};

        if (r->run.out >> i & 1)
            continue;
        if (said_of(r, s.way) != OVERRIDE_DISABLE) {
            left++;
            continue;
        }
        s.text = by_whose_word(r, s.way->target->id, s.way->target->provider);
        take_out(r, &s);
    }
    if (left)
        return true;
    relay_no(no, 503, REASON_DISABLED, "Every target of this model is switched off for now.", HINT);
    no->class_id = CLASS_OVERLOAD;
    return false;
}

bool relay_is_disabled(struct relay *r, const struct settings_target *t, struct relay_refusal *no)
{
    const char *why;

    if (service_of(r, t->id, t->provider) != OVERRIDE_DISABLE)
        return false;
    why = by_whose_word(r, t->id, t->provider);
    relay_no(no, 503, REASON_DISABLED, why ? why : reason_meaning(REASON_DISABLED), HINT);
    no->class_id = CLASS_OVERLOAD;
    return true;
}
