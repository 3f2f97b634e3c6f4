/*
 * stay.h - does a conversation stay at the target that answered it last, or go where the plan would
 * have it?
 *
 * It stays for as long as what was read of it is still kept there, unless going is cheaper even
 * though the other one has to read all of it anew.
 *
 * Room: route (uses base). Pure. Threads: any.
 */
#ifndef ROUTE_STAY_H
#define ROUTE_STAY_H

#include "route/order.h"

#define ROUTE_WARM_US UINT64_C(300000000) /* for so long providers keep what they have read */

/* idle_us: since it was last answered there. there: what the request costs where it is kept;
 * elsewhere: what it costs where it is not. ROUTE_NO_PRICE: not known. */
bool route_stays(uint64_t idle_us, uint64_t there, uint64_t elsewhere);

#endif
