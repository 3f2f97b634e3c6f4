/*
 * override.c - targets that somebody has taken out of service for a while (board/override.h).
 */
#include "board/override.h"
#include "relay/relay_impl.h"

static enum override_what said_of(const struct relay *r, const struct settings_way *w)
{
    const struct board *b = r->env->sink.overrides;

    if (!b)
        return OVERRIDE_NONE;
    return override_of(b, w->target->id, w->target->provider->name, ev_now(r->env->ev));
}

void relay_drained_last(const struct relay *r, struct settings_way *ways, size_t n)
{
    struct settings_way drained[POLICY_TARGETS_MAX];
    size_t kept = 0, drained_n = 0;

    for (size_t i = 0; i < n; i++) {
        if (said_of(r, &ways[i]) == OVERRIDE_DRAIN)
            drained[drained_n++] = ways[i];
        else
            ways[kept++] = ways[i];
    }
    if (drained_n)
        memcpy(ways + kept, drained, drained_n * sizeof(*ways));
}

bool relay_disabled_out(struct relay *r, struct relay_refusal *no)
{
    size_t out = 0;

    for (uint32_t i = 0; i < r->run.n; i++) {
        struct relay_skip s = {.way = &r->ways[i], .why = REASON_DISABLED};

        if (said_of(r, s.way) != OVERRIDE_DISABLE)
            continue;
        r->run.out |= UINT32_C(1) << i;
        relay_skip(r, &s);
        out++;
    }
    if (out < r->run.n)
        return true;
    relay_no(no, 503, REASON_DISABLED, "Every target of this model is switched off for now.",
             "lamplighter status shows by whose word; lamplighter enable takes it back.");
    no->class_id = CLASS_OVERLOAD;
    return false;
}
