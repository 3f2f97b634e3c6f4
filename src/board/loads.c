/*
 * loads.c - see loads.h.
 */
#include "board/loads.h"

void loads_sum(struct loads *ret, const struct board *b, uint32_t workers, size_t place)
{
    *ret = (struct loads){0};
    for (uint32_t i = 0; i < workers; i++) {
        const struct board_load *w = &b->loads[i][place];

        ret->tokens += board_get(&w->tokens);
        ret->largest = MAX(ret->largest, board_get(&w->largest));
        ret->now += board_get(&w->now);
        ret->sessions += board_get(&w->sessions);
        ret->ended += board_get(&w->ended);
        ret->covered += board_get(&w->covered);
    }
}

/* A word that is 0 is not written: its page may never have been taken. */
static void clear(board_word *w)
{
    if (board_get(w))
        board_set(w, 0);
}

void loads_clear(struct board_load row[BOARD_ENDPOINTS])
{
    for (size_t i = 0; i < BOARD_ENDPOINTS; i++) {
        clear(&row[i].tokens);
        clear(&row[i].largest);
        clear(&row[i].now);
        clear(&row[i].sessions);
    }
}
