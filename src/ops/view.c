/*
 * view.c - see view.h.
 */
#include "ops/view.h"

uint64_t view_sum(const struct view *v, size_t word)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < v->workers; i++) {
        const char *row = (const char *)&v->board->workers[i];

        sum += board_get((const board_word *)(const void *)(row + word));
    }
    return sum;
}

const char *view_engine_state(uint64_t state)
{
    static const char *const names[VIEW_ENGINE_STATES] = {
        [ENGINE_NONE] = "none",
        [ENGINE_STARTING] = "starting",
        [ENGINE_READY] = "ready",
        [ENGINE_DOWN] = "down",
    };

    return state < VIEW_ENGINE_STATES ? names[state] : "none";
}

const char *view_id_text(uint64_t id, char out[VIEW_ID_TEXT])
{
    int n = snprintf(out, VIEW_ID_TEXT, "%016llx", (unsigned long long)id);

    MUST(n == VIEW_ID_TEXT - 1);
    return out;
}
