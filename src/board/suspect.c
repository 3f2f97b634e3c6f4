/*
 * suspect.c - see suspect.h. A ring: `suspected` counts all that there ever were.
 */
#include "board/suspect.h"

bool suspect_found(struct board *b, struct board_row *row, uint64_t now)
{
    uint64_t print = board_get(&row->working), n = board_get(&b->suspected);

    board_set(&row->working, 0);
    if (print == 0)
        return false;
    /* Who reads the two words of an entry while it changes refuses nobody wrongly: the old
     * fingerprint was one, and the new one is. */
    board_set(&b->suspects[n % BOARD_SUSPECTS].until_us, now + SUSPECT_US);
    board_set(&b->suspects[n % BOARD_SUSPECTS].print, print);
    board_set(&b->suspected, n + 1);
    return true;
}

bool suspect_is(const struct board *b, uint64_t print, uint64_t now)
{
    uint64_t n = MIN(board_get(&b->suspected), (uint64_t)BOARD_SUSPECTS);

    for (uint64_t i = 0; i < n; i++)
        if (board_get(&b->suspects[i].print) == print && board_get(&b->suspects[i].until_us) > now)
            return true;
    return false;
}
