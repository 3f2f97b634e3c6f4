/*
 * fate.c - see fate.h. The word, from its lowest bit:
 *
 *     open 1, opened 4, the last witness 27, the second when it became sick 32
 *
 * The times are those of breakers (health/breaker.h), but for the longest: here it is others too
 * who wait.
 */
#include "health/fate.h"

#include "health/breaker.h"

#define OPENED  15u
#define WITNESS ((UINT64_C(1) << 27) - 1)

static uint32_t opened_of(uint64_t word)
{
    return (uint32_t)(word >> 1) & OPENED;
}

/* Never 0, which is nobody. */
static uint64_t mark_of(uint64_t witness)
{
    uint64_t mark = (witness ^ witness >> 27) & WITNESS;

    return mark ? mark : 1;
}

bool fate_is_open(uint64_t word)
{
    return word & 1;
}

uint64_t fate_sick(uint64_t word, uint64_t witness, uint64_t now_us, bool *opens)
{
    uint64_t now_s = now_us / 1000000 & UINT32_MAX, then_s = word >> 32;
    uint64_t last = word >> 5 & WITNESS, mark = mark_of(witness);

    *opens = false;
    if (fate_is_open(word))
        return word;
    /* Another process may be a second ahead. */
    if (last && last != mark && now_s <= then_s + FATE_WINDOW_US / 1000000) {
        *opens = true;
        return 1 | UINT64_C(1) << 1 | mark << 5 | now_s << 32;
    }
    return mark << 5 | now_s << 32;
}

uint64_t fate_still_sick(uint64_t word)
{
    uint64_t opened = MIN(opened_of(word) + 1, OPENED);

    return (word & ~(uint64_t)(OPENED << 1)) | opened << 1;
}

uint64_t fate_open_us(uint64_t word, uint32_t random)
{
    uint64_t most = BREAKER_OPEN_US << (MAX(opened_of(word), 1u) - 1);

    most = MIN(most, FATE_MOST_US);
    return most / 2 + (most / 2) * random / UINT32_MAX;
}
