/*
 * spend.c - see spend.h. A word: millionths (40 bits), and which hour they are of (24).
 */
#include "health/spend.h"

#define HOURS ((UINT64_C(1) << 24) - 1)

static uint64_t hour_of(uint64_t us)
{
    return us / SPEND_US & HOURS;
}

static uint64_t in_hour(uint64_t word, uint64_t hour)
{
    return word >> 40 == hour ? word & SPEND_MOST : 0;
}

static uint64_t millionths(uint64_t pico)
{
    return MIN(pico / SPEND_PICO + (pico % SPEND_PICO > 0), SPEND_MOST);
}

unsigned spend_slot(uint64_t now_us)
{
    return (unsigned)(hour_of(now_us) & 1);
}

uint64_t spend_sum(const uint64_t words[2], uint64_t now_us)
{
    uint64_t hour = hour_of(now_us), now = 0, last = 0, left_us = SPEND_US - now_us % SPEND_US;

    for (size_t i = 0; i < 2; i++) {
        now += in_hour(words[i], hour) + in_hour(words[i], (hour + 1) & HOURS); /* a clock ahead */
        last += in_hour(words[i], (hour - 1) & HOURS);
    }
    return SPEND_PICO * (now + (uint64_t)((double)last * (double)left_us / (double)SPEND_US));
}

uint64_t spend_add(uint64_t word, uint64_t pico, uint64_t now_us)
{
    uint64_t hour = hour_of(now_us);

    return MIN(in_hour(word, hour) + millionths(pico), SPEND_MOST) | hour << 40;
}

uint64_t spend_undo(uint64_t word, uint64_t pico, uint64_t since_us)
{
    uint64_t hour = hour_of(since_us), there = in_hour(word, hour);

    return word >> 40 == hour ? (there - MIN(millionths(pico), there)) | hour << 40 : word;
}
