/*
 * kept.c - see kept.h. Sets of a few words, the newest first; a word is the upper half of the
 * answer's hash, and the provider's mark.
 */
#include "board/kept.h"

uint32_t kept_mark(struct span provider)
{
    uint32_t mark = (uint32_t)span_hash(provider);

    return mark ? mark : 1;
}

static uint64_t tag_of(uint64_t answer)
{
    return answer & ~(uint64_t)UINT32_MAX;
}

static bool is_of(uint64_t word, uint64_t answer)
{
    return word && tag_of(word) == tag_of(answer);
}

void kept_note(struct board_kept *k, uint64_t answer, uint32_t mark)
{
    board_word *set = k->sets[answer % BOARD_KEPT_SETS];
    size_t at = 0;

    while (at < BOARD_KEPT_WAYS - 1 && !is_of(board_get(&set[at]), answer))
        at++;
    for (; at > 0; at--)
        board_set(&set[at], board_get(&set[at - 1]));
    board_set(&set[0], tag_of(answer) | mark);
}

uint32_t kept_by(const struct board_kept *k, uint64_t answer)
{
    const board_word *set = k->sets[answer % BOARD_KEPT_SETS];

    for (size_t i = 0; i < BOARD_KEPT_WAYS; i++) {
        uint64_t word = board_get(&set[i]);

        if (is_of(word, answer))
            return (uint32_t)word;
    }
    return 0;
}
