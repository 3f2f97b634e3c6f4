/*
 * relay_plan.h - who may be asked for a request, in which order, and what that may cost:
 *     candidates.c  who may be asked, and in which order
 *     wall.c     who may not, for the data that is in it
 *     seat.c     the target at which a conversation sits
 *     pool.c     which of a target's endpoints goes first
 *     routing.c  what a request says about its own routing
 *     reread.c   what only some plans ask of the body
 *     plan.c     whom to ask next, and the request made fit for it
 *     skip.c     who is not asked, and why
 *     cost.c     what the target's answer costs
 *     caps.c     what the request may cost
 *     override.c what has been said by hand of targets and models
 *
 * Room: relay, private to it.
 */
#ifndef RELAY_RELAY_PLAN_H
#define RELAY_RELAY_PLAN_H

#include "relay/relay_impl.h"

/* ---- candidates.c ---- */

/* r->plan becomes r->run. */
bool relay_plan(struct relay *r, struct relay_refusal *no);

/* Does the target's provider have this operation, for a request as it is? */
bool relay_can_serve(const struct relay *r, const struct settings_target *t);

/* ---- wall.c ---- */

/* The classes of data that the client's key and its header say. false: there is no such class. */
bool relay_read_classes(struct relay *r, struct relay_refusal *no);

/* Must the target not have the request? Then *ret says why; but for `why` it may be in the arena.
 */
bool relay_is_walled(struct relay *r, const struct settings_target *t, struct relay_skip *ret);

/* ---- seat.c ---- */

/* Which conversation the request is of, and how it begins, if its model or a pool wants to know. */
MUST_CHECK int relay_find_conversation(struct relay *r, struct err *e);

/* Which of these ways leads to where it sits, and stays; n: none does. */
size_t relay_find_seat(const struct relay *r, const struct settings_way *ways, size_t n);

/* It sits at the attempt's target, which has answered it. */
void relay_take_seat(struct relay *r);

/* ---- pool.c ---- */

/* Is there a target with several endpoints that say how they are? */
bool relay_has_pool(const struct relay *r);

/* The ways to each such target, in the order in which its endpoints are asked. */
void relay_order_pools(const struct relay *r, struct settings_way *ways, size_t n);

/* Is it known that nobody serves there now? */
bool relay_is_away(const struct relay *r, const struct settings_way *w);

/* How it stands, if it does not serve or does not say; NULL: it may well. */
const char *relay_away_word(const struct relay *r, const struct settings_way *w);

/* ---- routing.c ---- */

/* Take what the body says about routing out of it, if the model lets it. */
bool relay_read_routing(struct relay *r, struct relay_refusal *no);

/* Does the request not want this target? By which member; NULL: it does. */
const char *relay_routed_away(const struct relay *r, const struct settings_target *t);

/* Where it stands among those that the request wants first (route_place.wanted). */
uint8_t relay_rank(const struct relay *r, const struct settings_target *t);

/* ---- reread.c ---- */

/* Walk the body, which is whole and good. fn may stop it. */
MUST_CHECK int relay_scan_body(const struct relay *r, const struct json_watch *watch,
                               json_hit_fn fn, void *arg, struct err *e);

/* What tells one conversation from others, into the hash; *ret_any: there is something. Into the
 * other hash the texts with which it begins, though the client says which conversation it is. */
MUST_CHECK int relay_read_conversation(const struct relay *r, XXH64_state_t *state,
                                       XXH64_state_t *texts, bool *ret_any, struct err *e);

/* Does the body bring tools? */
MUST_CHECK int relay_brings_tools(const struct relay *r, bool *ret, struct err *e);

/* ---- plan.c ---- */

/* The next target that can and may be asked: r->at->target, with the request made fit for it.
 * false: there is none, and *no says why, of the whole plan. */
bool relay_next_target(struct relay *r, struct relay_refusal *no);

/* One to be asked beside the first, which is under way as r->beside. false: there is none. */
bool relay_next_beside(struct relay *r);

/* The same one again; or, where that cannot be any more, the next one. */
bool relay_same_target(struct relay *r, struct relay_refusal *no);

/* What the last attempt has made of the request and its answer is gone. */
void relay_forget_attempt(struct relay *r);

/* r->at->target into the record. */
void relay_name_target(struct relay *r);

/* Who keeps the answer of this id (its hash); 0: nobody knows. */
uint32_t relay_keeper_of(const struct relay *r, uint64_t answer);

/* Who keeps the answer of r->at->call is known before the client is told its id: its next request
 * may come to another worker. */
void relay_note_keeper(struct relay *r);

/* ---- skip.c ---- */

/* This way is not gone: note it. */
void relay_skip(struct relay *r, const struct relay_skip *s);

/* ... those that policy_next() has just passed over. */
void relay_note_passed(struct relay *r);

/* ---- override.c ---- */

/* Is it drained by hand? */
bool relay_is_drained(const struct relay *r, const struct settings_way *w);

/* The weight that was said of it by hand takes the place of the plan's. */
void relay_weigh_by_hand(const struct relay *r, const struct settings_way *w,
                         struct policy_candidate *c);

/* Where the model's spill is stopped by hand, those behind the first tier that may be asked go out.
 */
void relay_spill_out(struct relay *r);

/* Those that are switched off by hand go out. false: nobody is left, and *no says so. */
bool relay_disabled_out(struct relay *r, struct relay_refusal *no);

/* Is this one switched off by hand now? Then *no says so. */
bool relay_is_disabled(struct relay *r, const struct settings_target *t, struct relay_refusal *no);

/* A failure of this class would have another target asked, were the spill not stopped. */
bool relay_would_spill(const struct relay *r, enum class_id class_id);

/* ---- cost.c ---- */

/* Into r->record: the tokens that the target's answer took, and what they cost. */
void relay_note_cost(struct relay *r, const struct dialect_answer *a);

/* Tokens of input, by its bytes. */
uint64_t relay_guess_input(const struct relay *r);

/* ... as this target counts, by what its answers have said. */
uint64_t relay_guess_input_at(const struct relay *r, const struct settings_target *t);

/* Bytes of the request's text, and tokens that what is no text may have. */
uint64_t relay_text_bytes(const struct relay *r);
uint64_t relay_bulk_tokens(const struct relay *r);

/* What the request may cost there, in picodollars, by its bytes and its limit; ROUTE_NO_PRICE. */
uint64_t relay_guess_cost(const struct relay *r, const struct settings_target *t);

/* ... where it has been read before. */
uint64_t relay_guess_warm_cost(const struct relay *r, const struct settings_target *t);

/* false: the target must not be asked, since it has no price; *no says so. */
bool relay_may_ask(struct relay *r, const struct settings_target *t, struct relay_refusal *no);

/* ---- caps.c ---- */

/* What the request may cost: by its model, its key and its head. false: that cannot be read. */
bool relay_read_cap(struct relay *r, struct relay_refusal *no);

/* May it cost what this target may take for it? Else *no says so. */
bool relay_may_cost(struct relay *r, const struct settings_target *t, struct relay_refusal *no);

/* May failing over to r->at->target cost what it may beyond the first target? Then that counts,
 * until relay_settle_cost(). */
bool relay_hold_extra(struct relay *r, struct relay_refusal *no);

/* The attempt is over, as r->record has it, or was never made. */
void relay_settle_cost(struct relay *r, bool called);

#endif
