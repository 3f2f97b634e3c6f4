/*
 * poll.h - asks every self-hosted engine how it is, again and again, and writes what it hears on
 * the board (board/endpoints.h).
 *
 * Each endpoint of a provider whose type tells something (engine/signals.h) is asked in rounds, one
 * place after the other on a kept connection. A round begins each `poll` of the configuration
 * (250 ms), a tenth sooner or later, so that many do not ask at once; while one is under way the
 * next one waits. What does not answer within POLL_ANSWER_MS is SILENT. What was heard of an
 * endpoint is stale after POLL_STALE_US, or after two of its rounds if those are longer.
 *
 * One that has requests running and has made nothing for POLL_STUCK_US, neither tokens nor more use
 * of its cache, is asked for one token (probe.h), and is HUNG when that does not come; from then on
 * it is asked again and again, until it answers or has made something. One that does not say what
 * it makes is not suspected.
 *
 * What it says of its KV cache beyond what the sessions of this gateway have come to is foreign: of
 * other gateways, or of who goes around them. Both are of slightly different moments, so it is a
 * mean of the last rounds.
 *
 * What an engine answers is bounded: pages are read as they come, and no further than
 * POLL_PAGE_MAX.
 *
 * Room: engine (uses base ev codec provider board http settings call). Threads: one loop.
 */
#ifndef ENGINE_POLL_H
#define ENGINE_POLL_H

#include "board/endpoints.h"
#include "call/pools.h"
#include "engine/signals.h"
#include "ev/ev.h"
#include "settings/settings.h"

#define POLL_ANSWER_MS 700u /* so that who is silent is heard of in time, too */
#define POLL_STALE_US  UINT64_C(1000000)
#define POLL_TELL_MS   5000u /* people are told of an endpoint no more often */
#define POLL_STUCK_US  UINT64_C(10000000)
#define POLL_AGAIN_MS  60000u /* a place that is not there is asked again then */
#define POLL_PAGE_MAX  ((uint64_t)16 * 1024 * 1024)
#define POLL_BODY_MAX  ((size_t)1024 * 1024) /* of an answer that is read whole */

struct poll;

struct poll_conf {
    struct ev *ev;
    struct call_pools *pools;
    struct board *board;
    uint32_t workers;                         /* whose sessions stand on the board */
    void (*say)(void *arg, const char *line); /* for people: an endpoint stands otherwise */
    void *arg;
};

MUST_CHECK int poll_new(struct poll **ret, const struct poll_conf *conf, struct err *e);
void poll_free(struct poll **p);

/* From now on the endpoints of this snapshot are asked, and no others; takes a reference. Those
 * that it has in common with the last one go on undisturbed. */
void poll_use(struct poll *p, struct settings *settings);

#endif
