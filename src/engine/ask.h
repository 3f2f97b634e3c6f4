/*
 * ask.h - a question to an engine's HTTP server, beside the requests of clients: at a path of its
 * host, whatever the base URL's own path is, with the provider's first key if it has one.
 *
 * Room: engine (uses base call http settings). Threads: one loop.
 */
#ifndef ENGINE_ASK_H
#define ENGINE_ASK_H

#include "call/pools.h"
#include "settings/settings.h"

struct ask {
    struct call_pools *pools;
    const struct settings_provider *provider;
    const struct settings_url *url;
    struct span path;
    struct span body; /* JSON to post; absent: the path is got */
    const struct http_stream_cb *cb;
    void (*on_connected)(void *arg, bool pooled); /* NULL is fine */
    void *arg;
};

/* *ret is the caller's to close, also after -1 if it is not NULL. What q points at outlives the
 * call but for the body, which is copied. */
MUST_CHECK int ask_begin(struct http_stream **ret, const struct ask *q, struct err *e);

#endif
