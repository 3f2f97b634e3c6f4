/*
 * evidence.c - see evidence.h.
 */
#include "policy/evidence.h"

#include "health/breaker.h"
#include "health/budget.h"
#include "health/peak.h"
#include "health/slow.h"

_Static_assert(WAITS_OF == ARRAY_LEN(((struct board_standing *)0)->waits), "board.h");

static void opens_now(struct board_standing *s, uint64_t word, uint64_t now_us, uint32_t random)
{
    board_set(&s->opened_us, now_us);
    board_set(&s->until_us, now_us + breaker_open_us(word, random));
}

bool evidence_result(struct board_standing *s, bool ok, bool probe, uint64_t now_us,
                     uint32_t random)
{
    uint64_t old = board_get(&s->breaker), word;
    bool opens, early = !ok && probe && board_get(&s->until_us) > now_us;

    if (standing_is_nobodys(s))
        return false;
    do {
        opens = false;
        word = early && breaker_read(old, now_us).open
                   ? breaker_too_early(old)
                   : breaker_result(old, ok, probe, now_us, &opens);
    } while (!board_swap(&s->breaker, &old, word));
    if (opens)
        opens_now(s, word, now_us, random);
    else if (breaker_read(old, now_us).open && !breaker_read(word, now_us).open)
        board_set(&s->closed_us, now_us);
    return opens;
}

void evidence_trip(struct board_standing *s, uint64_t now_us, uint32_t random)
{
    uint64_t old = board_get(&s->breaker), word;

    if (standing_is_nobodys(s))
        return;
    do {
        if (breaker_read(old, now_us).open)
            return;
        word = breaker_trip(old, now_us);
    } while (!board_swap(&s->breaker, &old, word));
    opens_now(s, word, now_us, random);
}

uint8_t evidence_row(const struct board_standing *s, uint64_t now_us)
{
    return standing_is_nobodys(s) ? 0 : breaker_read(board_get(&s->breaker), now_us).row;
}

bool evidence_is_open(const struct board_standing *s, uint64_t now_us)
{
    return !standing_is_nobodys(s) && breaker_read(board_get(&s->breaker), now_us).open;
}

bool evidence_take_probe(struct board_standing *s, uint64_t until_us, uint64_t now_us)
{
    uint64_t old = board_get(&s->probe_us);

    if (standing_is_nobodys(s))
        return true;
    while (old <= now_us)
        if (board_swap(&s->probe_us, &old, until_us))
            return true;
    return false;
}

void evidence_end_probe(struct board_standing *s, uint64_t until_us, uint64_t next_us)
{
    atomic_compare_exchange_strong_explicit(&s->probe_us, &until_us, next_us, memory_order_relaxed,
                                            memory_order_relaxed);
}

void evidence_not_before(struct board_standing *s, uint64_t at_us)
{
    uint64_t old = board_get(&s->not_before_us);

    if (standing_is_nobodys(s))
        return;
    while (old < at_us && !board_swap(&s->not_before_us, &old, at_us))
        ;
}

void evidence_wait(struct board_standing *s, enum waits_of of,
                   uint64_t (*note)(uint64_t word, uint64_t us, uint64_t prompt_bytes), uint64_t us,
                   uint64_t prompt_bytes)
{
    uint64_t old = board_get(&s->waits[of]);

    if (standing_is_nobodys(s))
        return;
    while (!board_swap(&s->waits[of], &old, note(old, us, prompt_bytes)))
        ;
}

void evidence_first(struct board_standing *s, bool whole, uint64_t us, uint64_t now_us)
{
    uint64_t old = board_get(&s->peaks[whole]);

    if (standing_is_nobodys(s))
        return;
    while (!board_swap(&s->peaks[whole], &old, peak_note(old, us, now_us)))
        ;
}

void evidence_pace(struct board_standing *s, bool slow, uint64_t now_us)
{
    uint64_t old = board_get(&s->slow), word;

    if (standing_is_nobodys(s))
        return;
    do {
        word = slow_note(old, slow, now_us);
    } while (word != old && !board_swap(&s->slow, &old, word));
}

static void change_budget(struct board_standing *s, uint64_t (*to)(uint64_t word, uint64_t now_us),
                          uint64_t now_us)
{
    uint64_t old = board_get(&s->budget);

    if (standing_is_nobodys(s))
        return;
    while (!board_swap(&s->budget, &old, to(old, now_us)))
        ;
}

void evidence_earn(struct board_standing *s, uint64_t now_us)
{
    change_budget(s, budget_earn, now_us);
}

void evidence_undo(struct board_standing *s, enum evidence_fee fee, uint64_t now_us)
{
    if (fee != FEE_NONE)
        change_budget(s, fee == FEE_EARNS ? budget_unearn : budget_unspend, now_us);
}

double evidence_retries(const struct board_standing *s, uint64_t now_us)
{
    return budget_tokens(board_get(&s->budget), now_us);
}

bool evidence_spend(struct board_standing *s, uint64_t now_us)
{
    uint64_t old = board_get(&s->budget), word;
    bool enough;

    if (standing_is_nobodys(s))
        return true;
    do {
        word = budget_spend(old, now_us, &enough);
    } while (enough && !board_swap(&s->budget, &old, word));
    return enough;
}
