/*
 * seat.c - see seat.h. Sets of a few words, the newest first. A word is 24 bits of the
 * conversation's hash, 24 of the target's, and the time in ticks, whose 16 bits come round in three
 * days: what was noted then looks new again for some minutes.
 */
#include "board/seat.h"

#define TAG   (UINT64_MAX << 40)
#define MARK  UINT32_C(0xFFFFFF)
#define TICKS UINT64_C(0xFFFF)

uint32_t seat_mark(uint64_t target)
{
    uint32_t mark = (uint32_t)(target >> 8) & MARK;

    return mark ? mark : 1;
}

static bool is_of(uint64_t word, uint64_t conversation)
{
    return word && (word & TAG) == (conversation & TAG);
}

void seat_note(struct board_seats *s, uint64_t conversation, uint32_t mark, uint64_t now_us)
{
    board_word *set = s->sets[conversation % BOARD_SEAT_SETS];
    size_t at = 0;

    while (at < BOARD_SEAT_WAYS - 1 && !is_of(board_get(&set[at]), conversation))
        at++;
    for (; at > 0; at--)
        board_set(&set[at], board_get(&set[at - 1]));
    board_set(&set[0], (conversation & TAG) | (uint64_t)(mark & MARK) << 16 |
                           (now_us / SEAT_TICK_US & TICKS));
}

struct seat seat_find(const struct board_seats *s, uint64_t conversation, uint64_t now_us)
{
    const board_word *set = s->sets[conversation % BOARD_SEAT_SETS];

    for (size_t i = 0; i < BOARD_SEAT_WAYS; i++) {
        uint64_t word = board_get(&set[i]);

        if (is_of(word, conversation))
            return (struct seat){(uint32_t)(word >> 16) & MARK,
                                 ((now_us / SEAT_TICK_US - word) & TICKS) * SEAT_TICK_US};
    }
    return (struct seat){0, 0};
}
