/*
 * breaker.h - is a target sick? A circuit breaker in one word, so that processes can share it.
 *
 *     CLOSED -- 5 failures in a row, or more than a fifth of at least 5 lately failed --> OPEN
 *     OPEN   -- its time is over: one probe at a time (half-open), 3 good ones -->  CLOSED
 *     OPEN   -- a probe failed -->  OPEN, for twice as long
 *
 * How long it was open is forgotten when 5 results lately were good and none was not: a target that
 * begins each answer well and breaks it is not probed as if it were the first time.
 *
 * "Lately" is by halves: what was counted 20 s ago counts half. The rule is Finagle's failure
 * accrual (success rate below 80% over 30 s of at least 5, or 5 in a row; dead for 5 s to 300 s,
 * equal jitter: twitter.github.io/finagle/guide/Clients.html#circuit-breaking) with the probes of
 * resilience4j's half-open state.
 *
 * The caller holds the word, the time until which it is open, and who probes; it swaps the word
 * for what these functions return.
 *
 * Room: health (uses base). Pure. Threads: any.
 */
#ifndef HEALTH_BREAKER_H
#define HEALTH_BREAKER_H

#include "base/base.h"

#define BREAKER_ROW         5 /* failures in a row; also the fewest results that make a rate */
#define BREAKER_RATE        5 /* one in so many may fail */
#define BREAKER_GOOD        3 /* probes that close it */
#define BREAKER_OPEN_US     UINT64_C(5000000)   /* first time; doubles ... */
#define BREAKER_OPEN_MAX_US UINT64_C(300000000) /* ... up to this */

/* What a word says. 0 is the word of a target that nobody has asked yet. */
struct breaker {
    bool open;
    uint8_t row;           /* failures since the last success, at most 63 */
    uint8_t opened;        /* times that it opened since it was last well for a while, at most 15 */
    uint8_t good;          /* probes that succeeded since it opened */
    double lately, failed; /* results that count, and those of them that failed */
};

struct breaker breaker_read(uint64_t word, uint64_t now_us);

/* The word after a result. A result that comes while it is open counts only if it is a probe's. A
 * good one never opens it, though it may make of too few results enough for a rate.
 * *opens: it opens now (again), and its time is to be set by breaker_open_us(). */
uint64_t breaker_result(uint64_t word, bool ok, bool probe, uint64_t now_us, bool *opens);

/* The word of one that is opened by a single failure, since others that share something with it
 * have failed. */
uint64_t breaker_trip(uint64_t word, uint64_t now_us);

/* The word of an open one after a probe that failed before its time was over: a target that is the
 * last one left is probed all the time, and would be shut for the longest by it. */
uint64_t breaker_too_early(uint64_t word);

/* How long it stays open after it has opened. random: any 32 bits. */
uint64_t breaker_open_us(uint64_t word, uint32_t random);

#endif
