/*
 * fate.h - have several targets that share something (a host, a provider, a proxy) failed together?
 * One word, so that processes can share it.
 *
 *     WELL -- two different ones become sick within FATE_WINDOW_US, and nobody of it
 *             answers between --> OPEN
 *     OPEN -- somebody of it answers --> WELL
 *     OPEN -- the probe failed --> OPEN, for twice as long
 *
 * Who is a different one is said by a witness: the target where several targets of one provider
 * are what shares, the provider where several providers are. So one sick model is no outage of its
 * provider, and one sick provider none of the host that it shares with others.
 *
 * There is one probe for all that share it. Who has been sick is probed no earlier than
 * fate_open_us() says; who has not may be the probe after FATE_LEAVE_US, for the fault may not be
 * its.
 *
 * Room: health (uses base). Pure. Threads: any.
 */
#ifndef HEALTH_FATE_H
#define HEALTH_FATE_H

#include "base/base.h"

#define FATE_WINDOW_US UINT64_C(30000000)
#define FATE_LEAVE_US  UINT64_C(5000000)
#define FATE_MOST_US   UINT64_C(60000000) /* the longest between two probes */

/* What a word says. 0 is the word of one that nothing is held against. */
bool fate_is_open(uint64_t word);

/* The word after the breaker of one that shares it has opened. *opens: and now it is open. */
uint64_t fate_sick(uint64_t word, uint64_t witness, uint64_t now_us, bool *opens);

/* ... and after a probe that failed when its time was over. */
uint64_t fate_still_sick(uint64_t word);

/* How long it stays open from now on. random: any 32 bits. */
uint64_t fate_open_us(uint64_t word, uint32_t random);

#endif
