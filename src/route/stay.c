/*
 * stay.c - see stay.h.
 */
#include "route/stay.h"

bool route_stays(uint64_t idle_us, uint64_t there, uint64_t elsewhere)
{
    bool known = there != ROUTE_NO_PRICE && elsewhere != ROUTE_NO_PRICE;

    return idle_us < ROUTE_WARM_US && !(known && elsewhere < there);
}
