/*
 * waits.h - how long a target takes to begin an answer, and from when on it is taken for silent. In
 * one word, so that processes can share it.
 *
 * A wait is counted as if for a short prompt: reading it takes time by its length. Its logarithm
 * has a mean and a variance (of the latest WAITS_LATELY), and the longest one is remembered. Too
 * long is what is beyond all of these:
 *
 *     e^(mean + 6 deviations)      waits look like a log-normal distribution; but no more than 5
 *                                  times the longest lately, for some look like two of them; of
 *                                  silences within streams 5.2 deviations: once in 10^7
 *     3 times the longest lately   the tail, which is forgotten by half in 1,000 waits
 *     the least of its kind        a network that hesitates is no silence
 *
 * The longest silence within a stream is one such wait, too: a stream is taken for stalled by it.
 * So is the mean time between two pieces of its content: a stream is slow by that (health/slow.h).
 *
 * Before WAITS_FEW are known nothing shorter is believed than what e^(...) says of the kind, for
 * targets that nobody knows. Checked on recorded waits of 12 providers, in their order and
 * shuffled: less than one healthy answer in 10,000 would be given up
 * (docs/decisions/0014-waiting.md).
 *
 * Room: health (uses base). Pure. Threads: any.
 */
#ifndef HEALTH_WAITS_H
#define HEALTH_WAITS_H

#include "base/base.h"

#define WAITS_LATELY   256u
#define WAITS_FEW      50u
#define WAITS_USUAL_US UINT64_C(250000)
#define WAITS_PROMPT   UINT64_C(32768) /* bytes that take as long as all the rest of a wait */

/* Of what the wait is for: rows of a table in waits.c. */
enum waits_kind {
    WAITS_STREAM, /* the first content of a stream */
    WAITS_THINKS, /* the same of a model that may think before, and say nothing meanwhile */
    WAITS_WHOLE,  /* an answer that comes when it is whole */
    WAITS_GAP,    /* the longest silence within a stream */
    WAITS_PACE,   /* from one piece of a stream's content to the next, on average */
};

/* The words that a target has. */
enum waits_of { WAITS_OF_STREAMS, WAITS_OF_WHOLES, WAITS_OF_GAPS, WAITS_OF_PACES, WAITS_OF };

struct waits {
    uint32_t n;         /* waits that are known of, at most WAITS_LATELY */
    uint64_t median_us; /* for a short prompt; 0: none is known */
    double spread;      /* deviation of the logarithm */
};

/* What a word says. 0 is the word of a target that nobody has waited for yet. */
struct waits waits_read(uint64_t word);

/* The word after a wait that ended with content. */
uint64_t waits_note(uint64_t word, uint64_t us, uint64_t prompt_bytes);

/* ... and after one that was given up as too long: the next limit is half as long again. */
uint64_t waits_given_up(uint64_t word, uint64_t us, uint64_t prompt_bytes);

/* ... and after one that was too long, though it went on: nothing but that the longest which is
 * remembered becomes a fiftieth longer. So who is slow for good is believed after a hundred. */
uint64_t waits_too_long(uint64_t word, uint64_t us, uint64_t prompt_bytes);

/* ... and after one that was broken off for a reason of ours: it would have taken longer, nobody
 * knows how much. What is usual for such waits is noted, by what is known. */
uint64_t waits_broken_off(uint64_t word, uint64_t us, uint64_t prompt_bytes);

/* Longer than 19 waits of 20 take, and at least WAITS_USUAL_US; UINT64_MAX: fewer than WAITS_FEW
 * are known. */
uint64_t waits_usual_us(uint64_t word, uint64_t prompt_bytes);

/* From when on it is too long, at most 10^15. */
uint64_t waits_limit_us(uint64_t word, enum waits_kind kind, uint64_t prompt_bytes);

#endif
