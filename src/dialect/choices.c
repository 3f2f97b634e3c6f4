/*
 * choices.c - see choices.h.
 */
#include "dialect/choices.h"

static void end_choice(struct dialect_answer *a)
{
    uint32_t word = a->choice / 64;
    uint64_t bit = UINT64_C(1) << a->choice % 64;

    a->ev.index = a->choice;
    if (a->choice >= DIALECT_CHOICES_MAX)
        return;
    a->now.seen[word] |= bit;
    if (a->choice_finished)
        a->now.finished[word] |= bit;
}

bool choices_hit(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->type != JSON_OBJECT)
        return false;
    if (h->end) {
        end_choice(a);
        return true;
    }
    a->choice = h->index;
    a->choice_finished = false;
    return true;
}

void choices_index(struct dialect_answer *a, const struct json_hit *h)
{
    uint64_t v;

    if (dialect_hit_u64(h, &v) == 0)
        a->choice = (uint32_t)MIN(v, (uint64_t)UINT32_MAX);
}

void choices_settle(struct dialect_answer *a)
{
    a->finished = 0;
    for (size_t i = 0; i < ARRAY_LEN(a->all.seen); i++) {
        a->all.seen[i] |= a->now.seen[i];
        a->all.finished[i] |= a->now.finished[i];
        a->finished += (uint32_t)__builtin_popcountll(a->all.finished[i]);
    }
}

bool choices_open(const struct dialect_answer *a, bool *any)
{
    uint64_t seen = 0, open = 0;

    for (size_t i = 0; i < ARRAY_LEN(a->all.seen); i++) {
        seen |= a->all.seen[i];
        open |= a->all.seen[i] & ~a->all.finished[i];
    }
    *any = seen != 0;
    return open != 0;
}

bool choices_finished(const struct dialect_answer *a)
{
    if (a->choices > DIALECT_CHOICES_MAX)
        return false;
    for (uint32_t i = 0; i < a->choices; i += 64) {
        uint32_t n = MIN(a->choices - i, UINT32_C(64));
        uint64_t want = UINT64_MAX >> (64 - n);

        if ((a->all.finished[i / 64] & want) != want)
            return false;
    }
    return true;
}
