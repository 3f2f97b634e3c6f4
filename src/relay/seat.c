/*
 * seat.c - the target at which a conversation sits (board/seat.h): a request of a model that is
 * sticky goes there first, if policy_stays() says so.
 *
 * Which conversation it is the client says, by a header or in its body; else it is known by how it
 * begins, which every turn repeats. Two conversations that begin alike share what was read.
 */
#include "board/seat.h"
#include "relay/relay_plan.h"

#define FIELD "x-lamplighter-conversation"

/* ---- which conversation ---- */

static void add(XXH64_state_t *state, struct span s)
{
    MUST(XXH64_update(state, s.p, s.n) == XXH_OK && XXH64_update(state, "", 1) == XXH_OK);
}

int relay_find_conversation(struct relay *r, struct err *e)
{
    struct span said = http_field_get(r->head, FIELD);
    XXH64_state_t state, texts;
    bool any = true, sticky = r->plan.model && r->plan.model->sticky && r->env->sink.seats;

    r->conversation = r->beginning = 0;
    if (!sticky && !relay_has_pool(r))
        return 0;
    MUST(XXH64_reset(&state, 0) == XXH_OK && XXH64_reset(&texts, 0) == XXH_OK);
    add(&state, r->key ? r->key->name : SPAN_LIT(""));
    add(&state, r->plan.model ? r->plan.model->name : r->plan.one.id);
    if (said.n) {
        add(&state, said);
        add(&texts, said);
    } else if (relay_read_conversation(r, &state, &texts, &any, e) < 0) {
        return -1;
    }
    if (any && sticky)
        r->conversation = MAX(XXH64_digest(&state), UINT64_C(1));
    if (any)
        r->beginning = MAX(XXH64_digest(&texts), UINT64_C(1));
    return 0;
}

/* ---- where it sits ---- */

size_t relay_find_seat(const struct relay *r, const struct settings_way *ways, size_t n)
{
    struct policy_candidate c;
    struct seat seat;
    size_t at = 0;

    if (!r->conversation || n == 0)
        return n;
    seat = seat_find(r->env->sink.seats, r->conversation, ev_now(r->env->ev));
    while (at < n && seat_mark(settings_candidate(&ways[at]).target) != seat.mark)
        at++;
    if (at == n)
        return n;
    c = settings_candidate(&ways[at]);
    return policy_stays(relay_standings(r), &r->plan.model->rules, &c, seat.idle_us,
                        relay_guess_warm_cost(r, ways[at].target),
                        at ? relay_guess_cost(r, ways[0].target) : ROUTE_NO_PRICE,
                        ev_now(r->env->ev))
               ? at
               : n;
}

void relay_take_seat(struct relay *r)
{
    if (r->conversation)
        seat_note(r->env->sink.seats, r->conversation,
                  seat_mark(r->run.candidates[r->run.it.at].target), ev_now(r->env->ev));
}
