/*
 * join.c - a streamed text that breaks off, and is gone on with by another target: a join.
 *
 *     the first event --> the answer is followed (dialect/follow.h), if anybody could go on
 *     it breaks off   --> policy is asked for another target, as before the first content
 *     it can go on    --> the request, with the text so far behind it, is sent to it in its dialect
 *     its events      --> are told as the rest of the answer (dialect/join.h)
 *
 * The client sees one answer, in which the first event of the other target says whose it is. What
 * cannot be gone on with ends as ever: an error event and an unclean end, with the first failure's
 * word for it.
 */
#include "provider/family.h"
#include "relay/relay_impl.h"

static enum settings_go_on rule(const struct relay *r)
{
    return r->plan.model ? r->plan.model->go_on : r->settings->go_on;
}

/* In which dialect the target streams; NULL: in one that nobody translates. */
static const struct convert *told_in(const struct relay *r)
{
    return convert_target(r->at->translate ? r->at->up_dialect : r->dialect);
}

/* Does the rule let those go on who are other weights, or take no beginning? */
static bool asks_others(enum settings_go_on rule)
{
    return rule == SETTINGS_GO_ON_INSTRUCT || rule == SETTINGS_GO_ON_REPLAY;
}

/* The candidates that could go on with the answer of the one that is asked: by the rule, and by
 * what they can be asked. */
void relay_find_heirs(struct relay *r)
{
    r->run.heirs = r->by_prefix = 0;
    for (uint32_t i = 0; i < r->run.n; i++) {
        const struct settings_target *t = r->ways[i].target;
        bool family = t == r->at->target || provider_same_family(r->at->target->model, t->model);
        bool prefix = (family || rule(r) == SETTINGS_GO_ON_ANY) && relay_goes_on(r, t);

        r->by_prefix |= (uint32_t)prefix << i;
        if (prefix || (asks_others(rule(r)) && relay_can_translate(r, t)))
            r->run.heirs |= UINT32_C(1) << i;
    }
}

enum join_how relay_join_how(const struct relay *r)
{
    if (r->by_prefix >> r->run.it.at & 1)
        return JOIN_PREFIX;
    return rule(r) == SETTINGS_GO_ON_REPLAY ? JOIN_REPLAY : JOIN_INSTRUCT;
}

/* Can a stream of the client's dialect be gone on with? */
static bool may_join(const struct relay *r)
{
    const struct convert *c = convert_client(r->dialect);

    return c && c->joins && r->at->events && r->req.choices <= 1 && r->run.n > 1 &&
           rule(r) != SETTINGS_GO_ON_OFF && told_in(r);
}

void relay_follow(struct relay *r)
{
    struct follow *f;
    struct err e;

    if (r->at->follow || !may_join(r))
        return;
    relay_find_heirs(r);
    if ((r->run.heirs & ~(UINT32_C(1) << r->run.it.at)) == 0)
        return;
    f = arena_alloc(&r->arena, sizeof(*f));
    if (!f)
        return;
    if (follow_init(f, told_in(r), &e) < 0) {
        follow_fini(f);
        return;
    }
    if (!r->at->translate && convert_client(r->dialect)->go_on)
        follow_stand(f);
    r->at->follow = f;
}

void relay_hear(struct relay *r, bool content)
{
    ev_us now = ev_now(r->env->ev);

    if (r->state == RELAY_ANSWERING && !r->joining)
        r->silence = MAX(r->silence, now - r->heard);
    if (r->pace.n)
        r->pace.us += now - r->heard;
    r->pace.n += content;
    r->heard = now;
    if (r->run.n)
        policy_says(&r->run, r->pace.n);
    if (content && r->run.n && r->pace.us >= POLICY_PACE_US)
        policy_goes_on(&r->run, &r->pace, false, now);
}

void relay_follow_event(struct relay *r, struct span raw, enum call_piece piece)
{
    if (r->at->follow && piece == CALL_EVENT_WHOLE)
        follow_event(r->at->follow, raw);
    else if (r->at->follow)
        follow_piece(r->at->follow, raw, piece == CALL_EVENT_LAST);
}

void relay_unfollow(struct relay *r)
{
    if (r->at->follow)
        follow_fini(r->at->follow);
    r->at->follow = NULL;
}

int relay_watch(struct relay *r, struct err *e)
{
    ev_us limit = policy_stall_us(&r->run, ev_now(r->env->ev));

    r->heard = ev_now(r->env->ev);
    return limit == UINT64_MAX ? 0 : ev_timer_set(&r->hold, limit, e);
}

/* One timer that looks whether the time is over, and not one that is set anew for each event. */
void relay_on_watch(struct relay *r)
{
    ev_us now = ev_now(r->env->ev), limit = policy_stall_us(&r->run, now);
    ev_us quiet = r->blocked ? 0 : now - r->heard;
    struct err e;

    if (!r->at->follow || r->at->follow->closed || limit == UINT64_MAX)
        return;
    if (quiet >= limit && relay_can_join(r)) {
        relay_on_work(r, true);
        relay_stalled(r, quiet);
        relay_on_work(r, false);
    } else if (ev_timer_set(&r->hold, MAX(limit, quiet + EV_MS(100)) - quiet, &e) < 0) {
        UNUSED(e); /* then timeout.idle is what there is */
    }
}

/* Half an event is a part of no answer: a client that got it as it came has nothing to go on with.
 */
bool relay_can_join(const struct relay *r)
{
    bool boundary = r->at->translate || !r->at->call || call_at_boundary(r->at->call);

    return r->state == RELAY_ANSWERING && r->at->follow && follow_can(r->at->follow) && boundary;
}

/* Anthropic's API has one, for models that decline, and clients announce that they know it. */
bool relay_says_joins(const struct relay *r)
{
    static const struct span beta = SPAN_LIT("server-side-fallback-");

    for (size_t i = 0; i < r->head->fields_n; i++) {
        struct span rest = r->head->fields[i].value;

        while (span_is(r->head->fields[i].name, "anthropic-beta") && span_has(rest))
            if (span_starts(span_trim(span_cut(&rest, ',')), beta))
                return true;
    }
    return false;
}

bool relay_join(struct relay *r, struct relay_refusal *no)
{
    if (!(r->run.heirs >> r->run.it.at & 1))
        return relay_no(no, 502, REASON_CANNOT_SAY,
                        "The answer is another model's, or the target does not go on with one that "
                        "has begun.",
                        "docs/decisions/0015-continuing.md says who does.");
    return relay_translate(r, no);
}
