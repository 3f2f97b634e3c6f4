/*
 * relay.h - the life of a client's request: read it, find its target, try, answer, record.
 *
 * Room: relay (uses base board ev codec dialect provider http settings call cred). Threads: one
 * loop.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "base/blob.h"
#include "base/mem.h"
#include "board/board.h"
#include "board/held.h"
#include "board/kept.h"
#include "board/standing.h"
#include "call/pools.h"
#include "cred/cred.h"
#include "ev/ev.h"
#include "http/server.h"
#include "record/record.h"
#include "relay/once.h"
#include "settings/settings.h"

/* A way to a target that a request did not go, for now. */
struct relay_skip {
    const struct settings_way *way;
    enum reason why;
    uint64_t until_us; /* monotonic: it may go there then; 0: not known */
    const char *word;  /* what it needs that is not there, one word; NULL: nothing to add */
    const char *text;  /* as a sentence for people; NULL: reason_meaning() has it */
    bool every_way;    /* it holds for all ways to that target */
};

/* Bytes that bodies may take in a process, and translations; 0: any number. */
struct relay_room {
    uint64_t bodies, translation;
};

struct relay_sink {
    void (*record)(void *arg, const struct record *r);
    /* Who is skipped, each time that a target is looked for; the record has them too. NULL: nobody
     * else wants to know. */
    void (*skip)(void *arg, const struct relay_skip *s);
    void *arg;
    struct board_target *targets; /* the worker's row: attempts under way; NULL: not counted */
    /* Where requests under way are noted, for the case that this process dies; NULL: nowhere. Who
     * takes a record gives its entry up when it has handed the record on. */
    struct held_holder *held;
    /* Where suspects stand, and the row that says what this process works on; NULL: nowhere. */
    const struct board *board;
    struct board_row *row;
    /* How targets stand with all workers; NULL: this one goes by what it sees itself. */
    struct board_standing *standings;
    struct board_cred *creds;      /* the worker's row: what it has of clouds; NULL: nobody looks */
    struct board_kept *kept;       /* which provider keeps which answer; NULL: nobody notes */
    struct board_seats *seats;     /* where conversations sit; NULL: no model is sticky */
    const struct board *overrides; /* who is out of service by hand; NULL: nobody is */
    const struct board *endpoints; /* how engines are; NULL: nobody asks them */
    struct policy_ledger *ledger;  /* of engines' KV caches; NULL: none is kept */
    struct board_trial *trial;     /* counts of both sides of one; NULL: there are no trials */
    struct relay_room room;        /* at most, where the settings give no limit of their own */
};

struct relay_stats {
    uint64_t requests_total, live, repeated_total;
    uint64_t outcomes[OUTCOMES_N];
};

/* One a worker. */
struct relay_env {
    struct ev *ev;
    struct settings *settings; /* the snapshot for requests that begin now */
    struct settings *trial;    /* ... for a slice of them; NULL: none is on trial */
    uint64_t trial_number;
    struct call_pools *pools;
    struct cred_store *creds;
    struct blob_pool blobs;
    uint64_t translating;            /* bytes that requests in translation take */
    struct mem_spares relays, calls; /* memory of those that have ended */
    struct relay_sink sink;
    struct relay_stats stats;
    struct board_standing *standings, *own_standings; /* own: NULL where they are the sink's */
    struct list live;                                 /* struct relay */
    struct once once;                                 /* requests with an Idempotency-Key */
    const struct relay_owners *owners; /* hand_over.h; NULL: this process owns all of them */
    enum reason ending;                /* REASON_NONE, or why every request is ended now */
    struct dialect_ready ready[DIALECTS];
    struct evp_md_st *sha256; /* fetched once: OpenSSL looks it up by name */
    struct evp_md_ctx_st *hash;
};

/* The env takes a reference of the snapshot. */
MUST_CHECK int relay_env_init(struct relay_env *env, struct ev *ev, struct settings *settings,
                              struct call_pools *pools, struct cred_store *creds,
                              struct relay_sink sink, struct err *e);
void relay_env_fini(struct relay_env *env);

/* Requests that begin from now on use this snapshot; running ones keep theirs. A trial is over. */
void relay_env_settings(struct relay_env *env, struct settings *settings);

/* What they may take by a snapshot's limits, and by the room that there is. */
struct relay_room relay_room(struct relay_room most, const struct settings *settings);

/* A slice of the requests that begin from now on uses this one, as long as the board says that the
 * trial of this number goes on. NULL: none does. The sink has a trial. */
void relay_env_trial(struct relay_env *env, struct settings *settings, uint64_t number);

/* The http_on_request of a worker's server; arg is the relay_env. */
void relay_on_request(void *arg, struct http_stream *s, const struct http_head *h,
                      const struct net_addr *peer);

/* End every running request now, and every one that still comes, honestly: an error answer, or an
 * error event and an unclean end. For the end of a drain. */
void relay_end_all(struct relay_env *env, enum reason reason);

#endif
