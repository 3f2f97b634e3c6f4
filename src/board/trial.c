/*
 * trial.c - see trial.h.
 */
#include "board/trial.h"

#include "board/standing.h"

const char *board_trial_state_word(uint64_t state)
{
    static const char *const words[] = {"none", "running", "unproven"};

    return state < ARRAY_LEN(words) ? words[state] : words[0];
}

static const struct {
    const char *word, *text;
} ends[] = {
#define X(name, word, text) {word, text},
    BOARD_TRIAL_ENDS(X)
#undef X
};

const char *board_trial_end_word(uint64_t end)
{
    return ends[end < ARRAY_LEN(ends) ? end : 0].word;
}

const char *board_trial_end_text(uint64_t end)
{
    return ends[end < ARRAY_LEN(ends) ? end : 0].text;
}

bool board_trial_is_taken(uint64_t end)
{
    return end == BOARD_TRIAL_END_KEPT || end == BOARD_TRIAL_END_CONFIRMED;
}

static void clear_side(struct board_side *s)
{
    board_set(&s->begun, 0);
    board_set(&s->judged, 0);
    board_set(&s->failed, 0);
    board_set(&s->repeated, 0);
    for (size_t kind = 0; kind < 2; kind++)
        for (size_t i = 0; i < BOARD_TRIAL_TIMES; i++)
            board_set(&s->first[kind][i], 0);
}

void board_trial_begin(struct board_trial *t, const struct board_standing *standings,
                       uint64_t number, uint64_t now_us, uint64_t wall_ms)
{
    for (size_t i = 0; i < BOARD_SIDES; i++)
        clear_side(&t->sides[i]);
    standing_copy(t->standings, standings);
    board_set(&t->slice, board_get(&t->loaded.slice));
    board_set(&t->id, board_get(&t->loaded.id));
    board_set(&t->number, number);
    board_set(&t->began_us, now_us);
    board_set(&t->began_wall_ms, wall_ms);
    board_set(&t->end, BOARD_TRIAL_END_NONE);
    board_set(&t->state, BOARD_TRIAL_RUNS);
}

void board_trial_ended(struct board_trial *t, enum board_trial_end how, uint64_t now_us,
                       uint64_t wall_ms)
{
    board_set(&t->ended_us, now_us);
    board_set(&t->ended_wall_ms, wall_ms);
    board_set(&t->end, how);
    board_set(&t->state, BOARD_TRIAL_NONE);
}

bool board_trial_is_on(const struct board_trial *t, uint64_t number)
{
    return board_get(&t->state) != BOARD_TRIAL_NONE && board_get(&t->number) == number;
}
