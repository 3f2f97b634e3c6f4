/*
 * slow.c - see slow.h. The word: the row (8 bits), and behind it the time.
 */
#include "health/slow.h"

#define ROW UINT64_C(0xff)

uint64_t slow_until_us(uint64_t word)
{
    return word >> 8;
}

uint64_t slow_note(uint64_t word, bool slow, uint64_t now_us)
{
    uint64_t row = word & ROW;

    if (!slow)
        return word & ~ROW;
    if (row + 1 < SLOW_ROW)
        return word + 1;
    return (now_us + SLOW_US) << 8;
}
