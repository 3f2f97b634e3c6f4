/*
 * probe.h - asks an engine for one token, to see whether it still makes any: one that hangs may say
 * that it is well for ever.
 *
 *     GET /v1/models  -> its first model's name
 *     POST /v1/chat/completions, one token of it
 *
 * Any answer is one: who refuses is not hung.
 *
 * Room: engine (uses base ev codec http settings call). Threads: one loop.
 */
#ifndef ENGINE_PROBE_H
#define ENGINE_PROBE_H

#include "call/pools.h"
#include "ev/ev.h"
#include "settings/settings.h"

#define PROBE_LIST_MS  5000u  /* to answer in ... */
#define PROBE_TOKEN_MS 10000u /* ... which takes a prefill that may stand behind others */

struct probe_conf {
    struct ev *ev;
    struct call_pools *pools;
    const struct settings_provider *provider;
    const struct settings_url *url;
    void (*done)(void *arg, bool answered); /* once; the probe is to be freed, there or later */
    void *arg;
};

struct probe;

/* Begin; everything in conf outlives it. */
MUST_CHECK int probe_start(struct probe **ret, const struct probe_conf *conf, struct err *e);
/* NULL is fine. */
void probe_free(struct probe **p);

#endif
