/*
 * ask.h - a question to an engine's HTTP server, beside the requests of clients: at a path of its
 * host, whatever the base URL's own path is, with the provider's first key if it has one.
 *
 *     ask_begin() -> ... -> done(), once, in a turn of its own: by then the connection is free
 *     ask_stop(): there is no done()
 *
 * Room: engine (uses base ev call http settings). Threads: one loop.
 */
#ifndef ENGINE_ASK_H
#define ENGINE_ASK_H

#include "call/pools.h"
#include "ev/ev.h"
#include "settings/settings.h"

enum ask_end {
    ASK_ANSWERED,  /* whole */
    ASK_TOO_LONG,  /* it was not read to its end */
    ASK_LATE,      /* it is there, and has not answered in time */
    ASK_BROKEN,    /* the connection ended before the answer did */
    ASK_UNREACHED, /* there was no connection, in time or at all */
};

struct ask_answer {
    enum ask_end end;
    uint16_t status;  /* 0: none has come */
    struct span body; /* what was not taken by on_bytes */
};

struct ask_conf {
    struct call_pools *pools;
    const struct settings_provider *provider;
    const struct settings_url *url;
    struct span path;
    struct span body; /* JSON to post; absent: the path is got */
    uint64_t most_ms; /* for all of it */
    uint64_t most_bytes;
    /* Bytes of a good answer, as they come, which are not kept then; NULL: they are. */
    void (*on_bytes)(void *arg, const char *p, size_t n);
    /* The last thing that is done with the ask: it may be begun anew, or go. The answer is to be
     * read before. */
    void (*done)(void *arg, const struct ask_answer *a);
    void *arg;
};

/* Private. */
struct ask {
    struct ask_conf conf;
    struct http_stream *stream;
    struct ev_timer timer; /* until it is too late; then, until it is told */
    struct ask_answer answer;
    bool connected, over;
    uint64_t got;
    struct buf body;
};

void ask_init(struct ask *a, struct ev *ev);
void ask_fini(struct ask *a);

/* What *conf points at outlives the question, but for its path and body. -1: nothing was asked, and
 * done() will not come. */
MUST_CHECK int ask_begin(struct ask *a, const struct ask_conf *conf, struct err *e);
void ask_stop(struct ask *a);

#endif
