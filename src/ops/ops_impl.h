/*
 * ops_impl.h - the state of ops, shared by its two files:
 *     ops.c     what it keeps: registry, recent counts, access log, clocks
 *     admin.c   the admin port: requests and their answers
 *
 * Room: ops, private to it.
 */
#ifndef OPS_OPS_IMPL_H
#define OPS_OPS_IMPL_H

#include "base/buf.h"
#include "base/logfile.h"
#include "ops/creds.h"
#include "ops/history.h"
#include "ops/metrics.h"
#include "ops/ops.h"
#include "ops/recent.h"
#include "ops/unpriced.h"
#include "ops/view.h"

#define OPS_RATE_S 10 /* requests a second are a mean over this */

struct ops_answer;

struct ops {
    struct ops_conf conf;
    struct ev *ev;
    struct settings *settings;
    struct metrics *metrics;
    struct recent *recent;
    struct history *history;
    uint64_t began_ms; /* Unix time since when that is kept */
    struct targets targets;
    struct unpriced unpriced;
    struct creds creds;

    struct logfile *log;
    struct buf line;
    struct ev_post flush;       /* of the log, at the end of the turn */
    struct ev_timer flush_more; /* what the descriptor did not take */

    struct ev_timer tick;            /* each second */
    uint64_t totals[OPS_RATE_S + 1]; /* requests begun, by second */
    size_t totals_n;                 /* seconds seen */

    /* admin.c */
    struct http_server *server;
    struct list answers;          /* struct ops_answer */
    size_t answer_bytes;          /* held by all of them */
    size_t request_bytes;         /* ... of bodies that came */
    struct ops_answer *reloading; /* waits for the reload under way; NULL: nobody does */
    bool reload_busy;
    struct ev_timer reload_timer;
};

/* The state of things at this moment. */
void ops_view(const struct ops *o, struct view *ret);

/* Open the admin port of o->settings; end it and all its answers. */
MUST_CHECK int admin_open(struct ops *o, struct err *e);
void admin_close(struct ops *o);

#endif
