/*
 * world.h - the virtual world of a test: one loop, one network, and origins on it that answer
 * each request with a status, or with silence.
 */
#ifndef TESTS_UNIT_CALL_WORLD_H
#define TESTS_UNIT_CALL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/list.h"
#include "ev/ev_sim.h"
#include "net/net_sim.h"
#include "net/resolve.h"
#include "settings/settings.h"

struct world {
    struct ev *ev;
    struct net_sim *sim;
    struct net *net;    /* of who is tested */
    struct net *origin; /* of the origins */
    struct resolver *resolver;
    struct env *env;
};

/* What stands at a path: an answer as it goes on the wire. */
#define ORIGIN_ASKED 1024

struct origin_page {
    const char *path, *answer;
};

struct origin {
    struct net_listener *listener;
    struct list conns;
    unsigned status;                 /* 0: says nothing */
    const struct origin_page *pages; /* these go before, up to one without a path; NULL: none */
    char asked[ORIGIN_ASKED];        /* the last request */
    unsigned accepted, open, requests;
};

void world_open(struct world *w, const char *const *env);
void world_close(struct world *w);

/* Let so much virtual time pass. */
void world_run(struct world *w, ev_us us);

/* A snapshot of this text, which must be right. */
struct settings *world_settings(struct world *w, const char *text);

/* An origin at an address. Status 0: it takes requests and says nothing. */
void origin_open(struct origin *o, struct world *w, const char *addr, unsigned status);
void origin_close(struct origin *o);

#endif
