/*
 * fates.c - see fates.h. Of the words of a standing a fate uses these: breaker (health/fate.h),
 * until_us (when it is probed by who is sick), not_before_us (... by who is not), probe_us,
 * opened_us, closed_us, incidents.
 */
#include "policy/fates.h"

#include "health/fate.h"
#include "policy/evidence.h"

/* One whose time was over long ago is not heeded: what was known of it is old. */
static bool is_open(const struct board_standing *s, uint64_t now_us)
{
    return s && fate_is_open(board_get(&s->breaker)) &&
           board_get(&s->until_us) + POLICY_STALE_US >= now_us;
}

enum fates_stand fates_look(const struct board_standing *table, const struct policy_candidate *c,
                            bool sick, uint64_t now_us, uint64_t *until_us, uint8_t *by)
{
    enum fates_stand ret = FATES_WELL;

    *until_us = 0;
    for (uint8_t i = 0; i < c->fates.n; i++) {
        const struct board_standing *s = standing_look(table, c->fates.ids[i]);
        uint64_t until;

        if (!is_open(s, now_us))
            continue;
        until = board_get(sick ? &s->until_us : &s->not_before_us);
        if (until <= now_us) {
            if (ret == FATES_WELL) {
                ret = FATES_PROBE;
                *by = i;
            }
            continue;
        }
        ret = FATES_SHUT;
        if (until > *until_us) {
            *until_us = until;
            *by = i;
        }
    }
    return ret;
}

uint64_t fates_closed_us(const struct board_standing *table, const struct policy_candidate *c)
{
    uint64_t last = 0;

    for (uint8_t i = 0; i < c->fates.n; i++) {
        const struct board_standing *s = standing_look(table, c->fates.ids[i]);

        if (s)
            last = MAX(last, board_get(&s->closed_us));
    }
    return last;
}

void fates_end_probe(struct board_standing *table, const struct policy_candidate *c, uint8_t of,
                     uint64_t until_us, uint64_t next_us)
{
    for (uint8_t i = 0; of && i < c->fates.n; i++) {
        struct board_standing *s = standing_known(table, c->fates.ids[i]);

        if (s && of >> i & 1)
            evidence_end_probe(s, until_us, next_us);
    }
}

bool fates_take_probe(struct board_standing *table, const struct policy_candidate *c,
                      uint64_t until_us, uint64_t now_us, uint8_t *ret)
{
    *ret = 0;
    for (uint8_t i = 0; i < c->fates.n; i++) {
        struct board_standing *s = standing_known(table, c->fates.ids[i]);

        if (!is_open(s, now_us))
            continue;
        if (!evidence_take_probe(s, until_us, now_us)) {
            fates_end_probe(table, c, *ret, until_us, 0);
            *ret = 0;
            return false;
        }
        *ret |= (uint8_t)(1u << i);
    }
    return true;
}

static void shut(struct board_standing *s, uint64_t word, uint64_t now_us, uint32_t random)
{
    board_set(&s->not_before_us, now_us + FATE_LEAVE_US);
    board_set(&s->until_us, now_us + fate_open_us(word, random));
}

static void note_sick(struct board_standing *s, uint64_t witness, uint64_t now_us, uint32_t random)
{
    uint64_t old = board_get(&s->breaker), word;
    bool opens;

    do {
        word = fate_is_open(old) && !is_open(s, now_us) ? 0 : old;
        word = fate_sick(word, witness, now_us, &opens);
    } while (!board_swap(&s->breaker, &old, word));
    if (!opens)
        return;
    board_set(&s->opened_us, now_us);
    shut(s, word, now_us, random);
    atomic_fetch_add_explicit(&s->incidents, 1, memory_order_relaxed);
}

void fates_sick(struct board_standing *table, const struct policy_candidate *c, uint64_t now_us,
                uint32_t random)
{
    for (uint8_t i = 0; i < c->fates.n; i++) {
        struct board_standing *s = standing_find(table, c->fates.ids[i], now_us);

        if (!standing_is_nobodys(s))
            note_sick(s, c->fates.by_target >> i & 1 ? c->model : c->provider, now_us, random);
    }
}

void fates_still_sick(struct board_standing *table, const struct policy_candidate *c, uint8_t of,
                      uint64_t now_us, uint32_t random)
{
    for (uint8_t i = 0; of && i < c->fates.n; i++) {
        struct board_standing *s = standing_known(table, c->fates.ids[i]);
        uint64_t old, word;

        if (!s || !(of >> i & 1))
            continue;
        if (board_get(&s->until_us) > now_us) { /* when that is due, a probe before it says not */
            if (board_get(&s->not_before_us) <= now_us)
                board_set(&s->not_before_us, now_us + FATE_LEAVE_US);
            continue;
        }
        old = board_get(&s->breaker);
        do {
            word = fate_still_sick(old);
        } while (fate_is_open(old) && !board_swap(&s->breaker, &old, word));
        if (fate_is_open(old))
            shut(s, word, now_us, random);
    }
}

void fates_answers(struct board_standing *table, const struct policy_candidate *c, uint64_t now_us)
{
    for (uint8_t i = 0; i < c->fates.n; i++) {
        struct board_standing *s = standing_known(table, c->fates.ids[i]);
        uint64_t old = s ? board_get(&s->breaker) : 0;

        while (old && !board_swap(&s->breaker, &old, 0))
            ;
        if (fate_is_open(old))
            board_set(&s->closed_us, now_us);
    }
}

/* ---- for readers ---- */

const char *policy_fate_name(enum policy_fate_kind kind)
{
    static const char *const names[POLICY_FATES] = {
        [FATE_PROVIDER] = "provider",      [FATE_HOST] = "host",   [FATE_KEY] = "key",
        [FATE_REGION] = "region",          [FATE_PROXY] = "proxy", [FATE_LABEL] = "fate",
        [FATE_LABEL_OF_PROVIDER] = "fate",
    };

    MUST((size_t)kind < POLICY_FATES);
    return names[kind];
}

void policy_fate(struct policy_fate_view *ret, const struct board_standing *table, uint64_t id,
                 uint64_t now_us)
{
    const struct board_standing *s = standing_look(table, id);

    *ret = (struct policy_fate_view){0};
    if (!s)
        return;
    ret->incidents = board_get(&s->incidents);
    ret->open = is_open(s, now_us);
    if (!ret->open)
        return;
    ret->since_us = MIN(board_get(&s->opened_us), now_us);
    ret->until_us = board_get(&s->until_us);
}
