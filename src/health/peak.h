/*
 * peak.h - how long a target takes to begin its answers, by the worst of late: a mean that a longer
 * wait replaces at once, and shorter ones bring down by and by (peak-EWMA: Finagle's load balancer,
 * com.twitter.finagle.loadbalancer.PeakEwma). One word, so that processes can share it.
 *
 * Who has just become slow is known by its first slow answer, and who is well again after some
 * PEAK_US. Who is not asked is forgotten in PEAK_IDLE_US, so that it is tried again.
 *
 * Room: health (uses base). Pure. Threads: any.
 */
#ifndef HEALTH_PEAK_H
#define HEALTH_PEAK_H

#include "base/base.h"

#define PEAK_US      UINT64_C(10000000)
#define PEAK_IDLE_US UINT64_C(600000000)

/* The word after a wait; 0 is the word of a target that nobody knows. */
uint64_t peak_note(uint64_t word, uint64_t us, uint64_t now_us);

/* How long it takes, most likely; 0: nobody knows. */
uint64_t peak_read(uint64_t word, uint64_t now_us);

#endif
