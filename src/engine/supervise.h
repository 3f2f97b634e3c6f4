/*
 * supervise.h - keeps the gateway's own engines running: start, wait until ready, watch, restart
 * with back-off.
 *
 * It starts nothing itself: the master is the parent of engines, so that they survive the death
 * of anything else. What it decides leaves through `start` and `stop`; what happened comes in by
 * supervise_state(). Readiness is asked over HTTP (GET ready_path), as any client would.
 *
 *     DOWN     -- start time reached -->      STARTING   start()
 *     STARTING -- ready_path says 200 -->     READY
 *     STARTING -- START_MS without 200 -->    DOWN       stop(), later start
 *     READY    -- FALL probes fail -->        DOWN       stop(): it hangs
 *     any      -- the process ended -->       DOWN, started again after a back-off that doubles
 *                                             from 1 s to 60 s and is forgotten after 5 min ready
 *
 * Room: engine (uses base ev board http settings call). Threads: one loop.
 */
#ifndef ENGINE_SUPERVISE_H
#define ENGINE_SUPERVISE_H

#include "board/board.h"
#include "call/pools.h"
#include "ev/ev.h"
#include "settings/settings.h"

struct supervise;

struct supervise_conf {
    struct ev *ev;
    struct call_pools *pools;
    struct board *board;
    void (*start)(void *arg, uint32_t index);
    void (*stop)(void *arg, uint32_t index);
    void (*say)(void *arg, const char *line); /* for people */
    void *arg;
};

/* Supervise the snapshot's engines (at most BOARD_ENGINES); takes a reference of it. An engine is
 * started when the master has said that it does not run. */
MUST_CHECK int supervise_new(struct supervise **ret, const struct supervise_conf *conf,
                             struct settings *settings, struct err *e);
void supervise_free(struct supervise **s);

/* The master's word about an engine: it runs as pid, or (pid 0) does not, having ended with
 * `status`. The first word about each comes before any start. */
void supervise_state(struct supervise *s, uint32_t index, uint64_t pid, int status);

#endif
