/*
 * faults.c - what a provider does with a request. How often each thing happens is a weight; what
 * may become of it stands beside it, and is what check.c goes by.
 */
#include "sim.h"

const struct fault_row fault_rows[FAULTS] = {
    {F_NONE, "nothing", END_WELL, 0},
    {F_RESET_EARLY, "a reset before the head", END_BADLY, 4},
    {F_FIN_EARLY, "an end before the head", END_BADLY, 3},
    {F_SILENT, "silence", END_BADLY, 4},
    {F_HALF_HEAD, "half a head", END_BADLY, 2},
    {F_NO_HTTP, "no HTTP", END_BADLY, 2},
    {F_HUGE_HEAD, "a huge head", END_BADLY, 1},
    {F_SLOW_HEAD, "a slow head", END_MAYBE, 3},
    {F_SLOW_FIRST, "a slow first token", END_MAYBE, 4},
    {F_RESET_AT, "a reset at a byte", END_BADLY, 8},
    {F_FIN_AT, "an end at a byte", END_BADLY, 8},
    {F_CLEAN_AT, "a clean end behind an event", END_BADLY, 6},
    {F_STALL_AT, "a stall", END_BADLY, 6},
    {F_PAUSE_AT, "a pause", END_MAYBE, 4},
    {F_DRIBBLE, "dribble", END_MAYBE, 3},
    {F_PAGE, "a page", END_BADLY, 3},
    {F_BAD_JSON, "bad JSON", END_BADLY, 4},
    {F_STATUS, "an error status", END_BADLY, 24},
    {F_LONG, "a length that is too long", END_BADLY, 2},
    {F_SHORT, "a length that is too short", END_BADLY, 2},
    {F_ERROR_FIRST, "an error event first", END_BADLY, 4},
    {F_ERROR_LATER, "an error event later", END_BADLY, 4},
    {F_EARLY, "an early answer", END_MAYBE, 2},
    {F_EARLY_ERROR, "an early error", END_BADLY, 2},
    {F_1XX, "some 1xx", END_WELL, 2},
    {F_1XX_FLOOD, "many 1xx", END_BADLY, 1},
    {F_UNSOLICITED, "one answer more", END_MAYBE, 3},
    {F_CLOSE_AFTER, "an end behind the answer", END_WELL, 4},
    {F_AFTER_END, "an event behind the end", END_WELL, 2},
};

static const struct status_row statuses[] = {
    {429, "rate_limit_error", NULL, "slow down", "rate"},
    {429, "rate_limit_error", NULL, "slow down", "rate"},
    {503, "overloaded_error", NULL, "too many requests are under way", "overload"},
    {529, "overloaded_error", NULL, "overloaded", "overload"},
    {500, "server_error", NULL, "it broke", "server"},
    {502, "server_error", NULL, "it broke elsewhere", "server"},
    {429, "insufficient_quota", "insufficient_quota",
     "You exceeded your current quota, please check your plan and billing details.", "quota"},
    {401, "authentication_error", "invalid_api_key", "Incorrect API key provided", "credential"},
    {403, "permission_error", NULL, "not for this key", "credential"},
    {400, "invalid_request_error", NULL, "what is this", "caller"},
    {400, "invalid_request_error", "context_length_exceeded",
     "This model's maximum context length is 8 tokens.", "too-long"},
};

enum fault_kind fault_kind_draw(struct rng *r)
{
    uint64_t sum = 0, at;

    for (size_t i = 0; i < FAULTS; i++)
        sum += fault_rows[i].weight;
    at = rng_below(r, sum);
    for (size_t i = 0; i < FAULTS; i++) {
        if (at < fault_rows[i].weight)
            return fault_rows[i].kind;
        at -= fault_rows[i].weight;
    }
    return F_NONE;
}

/* Both answers to a rate limit or an overload are common: with a delay, and without. */
static void draw_delay(struct fault *f, struct rng *r)
{
    static const unsigned most[] = {1, 5, 30, 120};

    if (rng_below(r, 3) == 0)
        return;
    f->ask_s = 1 + (unsigned)rng_below(r, most[rng_below(r, ARRAY_LEN(most))]);
    f->ask_ms = rng_below(r, 3) == 0;
}

void fault_draw(struct fault *f, struct sim *s, struct rng *r, enum fault_kind kind)
{
    UNUSED(s);
    *f = (struct fault){.kind = kind};
    f->at = (size_t)rng_u64(r); /* brought into the answer's length once that is known */
    f->n = kind == F_1XX ? 1 + (unsigned)rng_below(r, 10) : 11 + (unsigned)rng_below(r, 30);
    f->status = &statuses[rng_below(r, ARRAY_LEN(statuses))];
    f->says_key = rng_below(r, 2) == 0;
    f->delay = rng_below(r, EV_S(12)); /* of a pause: brought below its limit */
    if (kind == F_STATUS && (f->status->class_name[0] == 'r' || f->status->class_name[0] == 'o'))
        draw_delay(f, r);
}

static enum fault_end end_of(const struct arrival *a)
{
    const struct answer *w = &a->answer;

    if (a->killed)
        return w->complete_at <= a->sent ? END_MAYBE : END_BADLY;
    switch ((int)a->fault.kind) {
    case F_RESET_AT:
    case F_FIN_AT:
    case F_STALL_AT:
        return a->fault.at >= w->complete_at ? END_MAYBE : END_BADLY;
    case F_LONG:
        return a->stream ? END_MAYBE : END_BADLY; /* nothing is missing of what is said */
    case F_CLEAN_AT:
        return a->fault.at >= w->complete_at ? END_WELL : END_BADLY;
    case F_PAUSE_AT: /* where another one can go on it may be taken for a stall */
        return a->fault.at >= w->content_at && !joins_wait(a) ? END_WELL : END_MAYBE;
    default:
        return fault_rows[a->fault.kind].end;
    }
}

enum fault_end fault_end_of(const struct arrival *a)
{
    enum fault_end end = end_of(a);

    if (a->in_words ||
        (a->ask->go_on == GO_ON_REPLAY && a->ask->tries_n > 1)) /* it is held to that */
        return end == END_WELL ? END_MAYBE : end;
    if (a->begin.p && a->answer.thinks != THINKS_NOT) /* that goes on with no text */
        return END_BADLY;
    if (a->begin.p && (a->answer.calls || !a->faithful)) /* it may be none, or begin anew */
        return end == END_WELL ? END_MAYBE : end;
    return end;
}
