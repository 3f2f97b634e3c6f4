/*
 * record.h - what one client request came to: the outcome record. Made once, when the request is
 * over, and handed to a sink that the relay does not know (log, metrics, later the ledger).
 *
 * A plain value without pointers, so that it can travel between processes as it is.
 *
 * Room: record (uses base codec dialect provider). Pure. Threads: any.
 */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include "base/reason.h"
#include "provider/price.h"
#include "provider/provider.h"

#define OUTCOMES(X)                                                                                \
    X(FULL, "full")                 /* complete, from the first target asked */                    \
    X(EQUIVALENT, "equivalent")     /* complete, from another qualified target */                  \
    X(JOINED, "joined")             /* complete, continued mid-answer */                           \
    X(DEGRADED, "degraded")         /* complete, from a target that the route calls so */          \
    X(LATE, "late")                 /* complete, after its deadline; never now: see below */       \
    X(SHED, "shed")                 /* refused for want of the gateway's own room, or time */      \
    X(FAILED, "failed")             /* no complete answer */                                       \
    X(CLIENT_ERROR, "client_error") /* the request was at fault */                                 \
    X(CLIENT_GONE, "client_gone")   /* the client left before the end */

/* Late there is none as long as the deadline ends the request: an answer that is not whole by then
 * is refused or broken off, and failed (docs/decisions/0001-timeouts.md). Shed is what was refused
 * before anything of an answer was there: no room for its body, its answer or a translation, or the
 * gateway was ending. */
enum outcome {
#define X(name, text) OUTCOME_##name,
    OUTCOMES(X)
#undef X
        OUTCOMES_N
};

const char *record_outcome_name(enum outcome o);

/* Has the client got a whole answer, be it late? */
bool record_is_complete(enum outcome o);

struct record;

/* What a request came to, in a word that is not 0: outcome, reason, class, both status. For places
 * that have room for no more. Reading takes any word: what is not one of these words is none. */
uint64_t record_result(const struct record *r);
void record_set_result(struct record *r, uint64_t result);

/* Note who was not asked, and why: "target=why(detail,...)", a space between two; details may be
 * empty. Once for the same target and reason, whatever the details. What does not fit any more is
 * "..." at the end. A space or control character in it becomes '?'. */
void record_skip(struct record *r, struct span target, const char *why, const char *detail);

/* One of them, cut off the front of *rest. */
struct record_skip {
    struct span target, why, detail;
};
MUST_CHECK bool record_next_skip(struct span *rest, struct record_skip *ret);

/* Of a configuration that is tried on a slice of the requests: X(name, word). */
#define RECORD_TRIALS(X)                                                                           \
    X(NONE, "")             /* by the one in use */                                                \
    X(NEW, "new")           /* by the one on trial */                                              \
    X(REPEATED, "repeated") /* by that, and again by the one in use, since it failed */

enum record_trial {
#define X(name, word) RECORD_TRIAL_##name,
    RECORD_TRIALS(X)
#undef X
        RECORD_TRIALS_N
};

const char *record_trial_word(uint8_t t);

/* Of a second attempt that was made beside the first: X(name, word). */
#define RECORD_HEDGES(X)                                                                           \
    X(NONE, "")         /* there was none */                                                       \
    X(RUNS, "canceled") /* it was under way when the request ended */                              \
    X(WON, "won")       /* it has answered */                                                      \
    X(LOST, "lost")     /* the first one has */                                                    \
    X(FAILED, "failed") /* it has failed */

enum record_hedge {
#define X(name, word) RECORD_HEDGE_##name,
    RECORD_HEDGES(X)
#undef X
        RECORD_HEDGES_N
};

const char *record_hedge_word(uint8_t h);

/* Exchange what two records say of their attempts alone. */
void record_swap(struct record *a, struct record *b);

struct record {
    uint64_t wall_ms;          /* when the request's head was whole */
    uint64_t duration_us;      /* from then to the end */
    uint64_t first_us;         /* to the first content byte toward the client; 0: none */
    uint64_t attempt_at_us;    /* when the last attempt began, counted from wall_ms */
    uint64_t attempt_us;       /* ... and how long it took */
    uint64_t attempt_first_us; /* to its stream's first event, comments and pings aside; 0: none */
    uint64_t overhead_us; /* what the gateway itself took (metrics.def); 0: no target's answer was
                           * begun toward the client */
    uint64_t bytes_in, bytes_out; /* bodies */
    struct dialect_usage usage;   /* tokens, as the provider reported them */
    uint64_t cost;                /* picodollars, where pricing says that there is one */
    uint64_t cost_before;         /* ... of the attempts before the last one, as far as known */
    enum pricing pricing;
    enum outcome outcome;
    enum reason reason;
    enum class_id class_id;
    enum provider_op op; /* OPS: unknown path */
    uint16_t status;     /* toward the client; 0: none was sent */
    uint16_t upstream_status;
    uint16_t attempts;       /* of the request, so far */
    uint16_t number;         /* of the last one, from 1 on; 0: there was none */
    uint16_t skipped_before; /* bytes of `skipped` that stood there when the last attempt began */
    uint16_t client_retry;   /* how often the client has asked for it before, as its SDK says */
    uint8_t trial;           /* enum record_trial */
    uint8_t hedge;           /* enum record_hedge */
    bool beside;             /* the last attempt was made beside another one */
    bool last_resort;        /* the last attempt's target is left alone, as all of them were */
    bool stream;
    bool more;             /* this is of an attempt that another one follows, not of the request */
    bool configured;       /* the model stands in the configuration: no client has made it up */
    bool resent;           /* the target may have got it twice: docs/decisions/0005 */
    uint16_t worker, held; /* the entry that its worker holds for it (board/held.h); held 0: none */
    char id[24];
    char model[64];          /* as the client called it (cut) */
    char target[96];         /* "provider/model" of the last attempt (cut) */
    char repeats[24];        /* the request whose answer it was given, by its Idempotency-Key */
    char next[96];           /* more: whom the next attempt goes to (cut) */
    char tried[200];         /* the attempts before the last: "target=why ..." (cut) */
    char skipped[240];       /* who was not asked: record_skip() */
    char provider[32];       /* type of its provider */
    char server[64];         /* host name or address of its URL (cut) */
    char upstream_model[64]; /* as the upstream reported it (cut) */
    char key[32];            /* name of the client's key, never the key */
    char peer[64];           /* NET_ADDR_TEXT */
    char dropped[96];        /* what of the request, or of the answer, was left out (cut) */
    char approximated[96];   /* what it was told in other words (cut) */
    char text[200];          /* one sentence about what went wrong */
};

#endif
