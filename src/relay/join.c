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
    return convert_target(r->translate ? r->up_dialect : r->dialect);
}

/* Can a stream of the client's dialect be gone on with? */
static bool may_join(const struct relay *r)
{
    const struct convert *c = convert_client(r->dialect);

    return c && c->joins && r->events && r->req.choices <= 1 && r->run.n > 1 &&
           rule(r) != SETTINGS_GO_ON_OFF && told_in(r);
}

void relay_follow(struct relay *r)
{
    struct follow *f;
    struct err e;

    if (r->follow || !may_join(r))
        return;
    f = arena_alloc(&r->arena, sizeof(*f));
    if (!f)
        return;
    if (follow_init(f, told_in(r), &e) < 0)
        follow_fini(f);
    else
        r->follow = f;
}

void relay_follow_event(struct relay *r, struct span raw, enum call_piece piece)
{
    if (r->follow && piece == CALL_EVENT_WHOLE)
        follow_event(r->follow, raw);
    else if (r->follow)
        follow_close(r->follow);
}

void relay_unfollow(struct relay *r)
{
    if (r->follow)
        follow_fini(r->follow);
    r->follow = NULL;
}

bool relay_can_join(const struct relay *r)
{
    return r->state == RELAY_ANSWERING && r->follow && follow_can(r->follow);
}

bool relay_join(struct relay *r, struct relay_refusal *no)
{
    const struct settings_target *first = r->follow_from;

    if (rule(r) == SETTINGS_GO_ON_FAMILY && first != r->target &&
        !provider_same_family(first->model, r->target->model))
        return relay_no(no, 502, REASON_CANNOT_SAY,
                        "The answer is another model's, and is not gone on with.",
                        "models.*.continue: any allows it.");
    if (!relay_can_translate(r, r->target))
        return relay_no(no, 502, REASON_WRONG_DIALECT,
                        "The target speaks no dialect that an answer is gone on with in.", NULL);
    return relay_translate(r, no);
}
