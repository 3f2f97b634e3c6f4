/*
 * peak.c - see peak.h. The word: microseconds (32 bits), and when it was noted, in milliseconds (32
 * bits, which come round in 49 days: what was noted so long ago looks new again).
 */
#include "health/peak.h"

#include <math.h>

#define LEVEL UINT64_C(0xffffffff)
#define TICK  1000u

static double passed_us(uint64_t word, uint64_t now_us)
{
    uint32_t ticks = (uint32_t)(now_us / TICK) - (uint32_t)(word >> 32);

    return ticks > UINT32_MAX / 2 ? 0 : (double)ticks * TICK; /* another process is ahead */
}

uint64_t peak_note(uint64_t word, uint64_t us, uint64_t now_us)
{
    double kept = exp(-passed_us(word, now_us) / (double)PEAK_US);
    double level = (double)(word & LEVEL), new = (double)MIN(MAX(us, UINT64_C(1)), LEVEL);

    if (new < level)
        new += (level - new) * kept;
    return (uint64_t)new | (uint64_t)(uint32_t)(now_us / TICK) << 32;
}

uint64_t peak_read(uint64_t word, uint64_t now_us)
{
    double level = (double)(word & LEVEL);

    if (level == 0)
        return 0;
    return MAX((uint64_t)(level * exp(-passed_us(word, now_us) / (double)PEAK_IDLE_US)),
               UINT64_C(1));
}
