/*
 * scrub.h - stars over a credential that an upstream echoes.
 *
 * Providers like to say which key they refuse, and what they say goes to clients, logs and
 * records. A key is found as it is and as JSON may spell it (\/ and \u002d).
 *
 * Room: call (uses base http). Threads: any.
 */
#ifndef CALL_SCRUB_H
#define CALL_SCRUB_H

#include "base/arena.h"
#include "http/http.h"

#define SCRUB_BYTES_MIN 8 /* shorter ones ("none", "EMPTY") are words, not secrets */

/* Star every whole occurrence in p[0..n). Returns how many bytes are settled: behind them stands
 * what may be the beginning of an occurrence, if more comes. An absent secret settles all. */
MUST_CHECK size_t scrub_part(char *p, size_t n, struct span secret);

/* The same of all there is. What looks like the first SCRUB_BYTES_MIN or more of an occurrence at
 * its end is starred too: messages are cut on their way, and half a key is too much. */
void scrub(char *p, size_t n, struct span secret);

/* The same of the values of a head's fields: *ret is a copy whose values live in the arena. */
MUST_CHECK int scrub_head(struct http_head *ret, const struct http_head *h, struct span secret,
                          struct arena *a, struct err *e);

#endif
