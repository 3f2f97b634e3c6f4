/*
 * signals.h - what inference engines tell of their load: where each type of engine says it, under
 * which names, and what that comes to. A new engine is a row in signals.c.
 *
 * Capacity is read from the engine and never reckoned from memory or the model: tensor parallelism
 * replicates heads, caches are quantized, blocks are reserved.
 *
 * Room: engine (uses board codec). Pure but for the memory of a JSON tree. Threads: any.
 */
#ifndef ENGINE_SIGNALS_H
#define ENGINE_SIGNALS_H

#include "base/err.h"
#include "board/endpoints.h"
#include "codec/prom.h"

struct signals {
    uint64_t of[SIGNALS]; /* SIGNAL_UNKNOWN: it does not say */
};

/* What stands at a path. */
enum signals_form {
    SIGNALS_HEALTH, /* 200: it serves. 5xx: DEAD, or LOADING by what it says. 4xx and 501: there is
                     * no such place, or it is not for us */
    SIGNALS_PROM,   /* text for Prometheus */
    SIGNALS_SLOTS,  /* llama.cpp's /slots */
    SIGNALS_PROPS,  /* ... and /props */
    SIGNALS_SLEEPS, /* vLLM's /is_sleeping */
    SIGNALS_MODELS, /* Ollama's /api/ps */
};

struct signals_place {
    const char *path; /* of the host, whatever the base URL's own path is; NULL: behind the last */
    enum signals_form form;
    enum {
        SIGNALS_EACH_ROUND, /* whoever fails here is away */
        SIGNALS_AT_TIMES,   /* one that is not there is asked for now and then only */
        SIGNALS_AWAKE,      /* ... nor of who rests, which would wake it */
        SIGNALS_AT_WORK, /* ... nor of who has nothing to do, once it is known: that would keep it
                          * from resting */
    } when;
};

#define SIGNALS_PLACES 4

struct signals_row;

struct signals_source {
    const char *type; /* of a provider */
    struct signals_place places[SIGNALS_PLACES + 1];
    const struct signals_row *rows; /* of SIGNALS_PROM */
    size_t rows_n;
};

/* NULL: engines of that type tell nothing. */
const struct signals_source *signals_source(const char *type);

/* All is unknown. */
void signals_init(struct signals *s);

/* ---- a page for Prometheus, as it comes ---- */

#define SIGNALS_ROWS_MAX 16

struct signals_page {
    const struct signals_source *source;
    struct prom prom;
    struct {
        double value;
        bool seen, bad; /* bad: one of its series is no number */
    } rows[SIGNALS_ROWS_MAX];
};

/* Series of one name are one engine's ranks: requests and capacities are added up, of shares the
 * greatest counts. */
void signals_page_begin(struct signals_page *p, const struct signals_source *source);
void signals_page_feed(struct signals_page *p, const char *bytes, size_t n);
/* What the page says, into *ret; what it does not say stays as it is there. */
void signals_page_end(struct signals_page *p, struct signals *ret);

/* ---- whole answers ---- */

/* Of a form that is JSON. *state: changed if the answer says how the engine stands. -1: it is not
 * what it should be. */
MUST_CHECK int signals_read(struct signals *s, enum endpoint_state *state, enum signals_form form,
                            struct span body, struct err *e);

/* How it stands by the answer of SIGNALS_HEALTH. */
enum endpoint_state signals_health(uint16_t status, struct span body);

/* What follows from others: capacity from blocks, the share from tokens, and tokens from the share.
 */
void signals_derive(struct signals *s);

#endif
