/*
 * delay.c - what heads and bodies of failed answers say of when to come back.
 *
 * Each line is the value of a field, in the order of their names, "-" one that is not there; what
 * is behind them is the body's. Must hold: what is said has a bound, a later time is not a longer
 * delay, and milliseconds that can be read count before everything else.
 */
#include "provider/delay.h"

#define LONGEST (UINT64_MAX / 1000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span values[PROVIDER_DELAY_FIELDS + 1] = {0};
    struct span rest = span_of((const char *)data, len);
    uint64_t now_ms = 1800000000000, us = 1, later_us = 1, again_us = 1;
    bool said;

    if (len == 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(values) && span_has(rest); i++) {
        values[i] = i < PROVIDER_DELAY_FIELDS ? span_cut(&rest, '\n') : rest;
        if (span_is(values[i], "-"))
            values[i] = span_of(NULL, 0);
    }
    said = provider_delay(&us, values, values[PROVIDER_DELAY_FIELDS], now_ms);
    MUST(said ? us <= LONGEST : us == 1);
    MUST(said ==
         provider_delay(&later_us, values, values[PROVIDER_DELAY_FIELDS], now_ms + 3600000));
    /* of years of two digits, the century may be another one by then */
    MUST(later_us <= us || span_find(values[1], '-') != SIZE_MAX);
    values[0] = SPAN_LIT("1.5");
    MUST(provider_delay(&again_us, values, values[PROVIDER_DELAY_FIELDS], now_ms));
    MUST(again_us == 1500);
    return 0;
}
