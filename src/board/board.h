/*
 * board.h - the memory that all processes of one gateway share: independent 64-bit atomic words.
 *
 * No lock and no sequence lock: every word stands alone, a reader may see two words of different
 * moments, and a process that dies in the middle of anything leaves no word half written. The
 * master makes the board before it forks; its children inherit the mapping.
 *
 * A worker writes its own row and reads all rows. Totals are sums over rows, made by readers.
 *
 * Room: board (uses base). Threads and processes: any.
 */
#ifndef BOARD_BOARD_H
#define BOARD_BOARD_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/span.h"

#define BOARD_WORKERS     64    /* most worker slots */
#define BOARD_ENGINES     32    /* most engines that the gateway runs itself */
#define BOARD_ENDPOINTS   2048  /* most engines that the keeper asks how they are */
#define BOARD_LENGTHS     4096  /* most kinds of requests whose answers' lengths are known */
#define BOARD_TARGETS     64    /* most targets whose attempts a worker counts one by one */
#define BOARD_HELD        4096  /* most requests of a worker that leave a record if it dies */
#define BOARD_KEPT_SETS   16384 /* of the answers that providers keep ... */
#define BOARD_KEPT_WAYS   4     /* ... so many each */
#define BOARD_SEAT_SETS   16384 /* of conversations that sit at a target ... */
#define BOARD_SEAT_WAYS   4     /* ... so many each */
#define BOARD_CREDS       64    /* most providers whose credentials a worker shows */
#define BOARD_SUSPECTS    64    /* most requests that are refused since a worker died of them */
#define BOARD_STANDINGS   2048  /* most targets and credentials whose standing is known */
#define BOARD_OVERRIDES   32    /* most words by hand that stand at once */
#define BOARD_TRIAL_TIMES 40    /* lengths of time that first tokens are counted by */

typedef _Atomic uint64_t board_word;

/* Words of a worker's row: X(name, help). Counters only grow over the life of the slot (a
 * replacement goes on counting where the dead one stopped); gauges are set. */
#define BOARD_COUNTERS(X)                                                                          \
    X(requests, "Requests begun.")                                                                 \
    X(conns_accepted, "Client connections accepted.")                                              \
    X(refused, "Requests refused by the HTTP server itself: malformed, too large, too slow.")      \
    X(glitches, "Odd but survivable things that clients did.")                                     \
    X(dials, "Connections made to targets.")                                                       \
    X(reused, "Requests sent over a pooled connection.")                                           \
    X(resent, "Requests sent once more, on a new connection, since a kept one had ended.")         \
    X(repeated, "Requests given the answer of an earlier one with the same Idempotency-Key.")      \
    X(records_dropped, "Outcome records that found the clerk's queue full.")                       \
    X(unheld, "Requests begun past the most that leave a record if the worker dies.")              \
    X(crashes, "Times that a process of this slot died or was replaced.")
#define BOARD_GAUGES(X)                                                                            \
    X(pid, "Process id; 0: no process.")                                                           \
    X(turned_us, "Monotonic time of its last turn.")                                               \
    X(generation, "Configuration that new requests use.")                                          \
    X(live, "Requests under way.")                                                                 \
    X(conns, "Client connections open.")                                                           \
    X(body_bytes, "Memory that bodies take.")                                                      \
    X(spooled_bytes, "Bytes of bodies in files.")                                                  \
    X(draining, "1 while it drains.")

struct board_row {
    _Alignas(64) board_word pid; /* first gauge; the rest follow */
#define X(name, help) board_word name;
    BOARD_COUNTERS(X)
#undef X
    board_word turned_us, generation, live, conns, body_bytes, spooled_bytes, draining;
    board_word lag_us;  /* how late the loop came to its heartbeat, the most lately */
    board_word ends;    /* processes of this slot that have ended (held.h); written by the master */
    board_word working; /* fingerprint of the request it works on just now (suspect.h); 0: none */
    board_word trying;  /* requests under way with a configuration on trial (trial.h) */
};

/* A request under way; held.h says who writes what, and when. */
struct board_request {
    _Alignas(64) board_word wall_ms;
    board_word began_us, op, tried; /* attempts, and whether it is a stream; 0: no texts yet */
    board_word ended_us, result;    /* how it ended, in a word of its holder's; 0: it had not */
    board_word id[3], model[8], target[12], provider[4];
};

/* What the workers of one slot hold. Owners lie together: the clerk looks at nothing else as long
 * as nobody dies. */
struct board_held {
    board_word owners[BOARD_HELD];  /* 0: free */
    board_word told[BOARD_HELD][3]; /* id of the last one whose record came; the clerk's */
    struct board_request requests[BOARD_HELD];
};

/* Attempts under way at one target, as one worker counts them. The id is a hash of its name, for
 * names do not fit into words; a slot whose count is 0 is free for any other. */
struct board_target {
    board_word id, live;
};

/* The credential that a worker has for one provider (granted.h). */
struct board_cred {
    board_word id;              /* a hash of the provider's name; 0: never taken */
    board_word taken;           /* 1: a process of this slot writes here */
    board_word until_ms;        /* Unix time when it ends; 0: there is none */
    board_word failed_ms;       /* ... of the last fetch, if that failed; 0: it gave one */
    board_word fetched, failed; /* fetches */
    board_word why[20];         /* of the last failure */
};

/* How a target, or a credential, stands with all workers (standing.h). Times are monotonic; 0:
 * none. */
struct board_standing {
    _Alignas(64) board_word id; /* a hash of its name; 0: free */
    board_word used_us;         /* last looked at for a request, to the second */
    board_word breaker;         /* health/breaker.h; of a fate health/fate.h */
    board_word until_us;        /* an open breaker: when it may be probed */
    board_word not_before_us;   /* it has asked to be left alone until then */
    board_word probe_us;        /* somebody probes it, and until then nobody else does */
    board_word opened_us;       /* when its breaker opened last */
    board_word closed_us;       /* when its breaker closed; 0: it has not been open */
    board_word incidents;       /* of a fate: how often it has opened */
    board_word budget;          /* health/budget.h */
    board_word waits[4];        /* health/waits.h: enum waits_of */
    board_word peaks[2];        /* health/peak.h: of streams, of whole answers */
    board_word slow;            /* health/slow.h */
    struct {
        board_word level, full_us; /* health/limits.h */
    } limits[3];                   /* requests, tokens, tokens of output apart */
    board_word limits_said_us;     /* when an answer has said so; 0: none has */
    board_word reserved[2][2];     /* of requests, of tokens */
    board_word pace, ramp;         /* health/ramp.h */
    board_word density;            /* health/density.h */
    board_word extra[2];           /* health/spend.h */
    board_word hedges;             /* health/hedge.h */
};

/* Who keeps an answer (kept.h). */
struct board_kept {
    board_word sets[BOARD_KEPT_SETS][BOARD_KEPT_WAYS];
};

/* At which target a conversation sits (seat.h). */
struct board_seats {
    board_word sets[BOARD_SEAT_SETS][BOARD_SEAT_WAYS];
};

/* What became of the requests of one side of a trial (trial.h); counted by all workers. */
enum board_side_of { BOARD_SIDE_OLD, BOARD_SIDE_NEW, BOARD_SIDES };

struct board_side {
    board_word begun, judged, failed;
    board_word repeated;                    /* of those that failed: asked again with the old one */
    board_word first[2][BOARD_TRIAL_TIMES]; /* first tokens: of whole answers, and of streams */
};

struct board_trial {
    board_word state;  /* enum board_trial_state; the master's, like all up to loaded */
    board_word number; /* of this trial, or of the last one */
    board_word began_us, began_wall_ms, ended_us, ended_wall_ms;
    board_word end;       /* enum board_trial_end: how the last one ended */
    board_word slice;     /* of the requests, in millionths */
    board_word id;        /* of its text */
    board_word route_now; /* settings_route_id() of the one in use */
    board_word before;    /* 1: there is one before that, to go back to */
    struct {
        board_word slice, id, route;
    } loaded; /* of what was loaded last, and found good; the loader's */
    struct board_side sides[BOARD_SIDES];
    struct board_standing standings[BOARD_STANDINGS + 1]; /* how targets stand with the new one */
};

/* A word by hand about a target or a model (override.h). */
struct board_override {
    board_word id, what, value, until_us;
    board_word name[12], who[6], why[16];
};

/* A self-hosted engine, as the keeper last heard of it (endpoints.h). */
struct board_endpoint {
    board_word id;         /* 0: free */
    board_word state;      /* enum endpoint_state */
    board_word seen_us;    /* when the last round of questions was over; 0: none has been */
    board_word stale_us;   /* so long it is believed */
    board_word signals[9]; /* enum signal_kind; UINT64_MAX: not known */
    board_word foreign;    /* tokens of its KV cache that are of nobody here */
};

/* What the sessions of one worker on one engine take of its KV cache, in tokens (loads.h). */
struct board_load {
    _Alignas(64) board_word tokens; /* what they will come to ... */
    board_word largest;             /* ... and of one of them, at most */
    board_word now;                 /* what they have come to */
    board_word sessions;
    board_word ended, covered; /* complete ones, and those no longer than was reckoned with */
};

/* How long answers of one kind of request have been (lengths.h). */
struct board_lengths {
    board_word id, used_us;
    board_word counts[16]; /* admit/outputs.h */
};

enum board_engine_state { ENGINE_NONE, ENGINE_STARTING, ENGINE_READY, ENGINE_DOWN };

struct board {
    board_word generation; /* of the configuration last taken into use */
    board_word started_us; /* monotonic time of the start */
    board_word started_wall_ms;
    board_word reload_ok;      /* 1: the last reload succeeded (or none was asked) */
    board_word reload_wall_ms; /* when the last successful one was */
    board_word draining;
    board_word master_pid; /* 0: one process does all */
    struct {
        board_word state; /* enum board_engine_state */
        board_word pid, restarts;
    } engines[BOARD_ENGINES];
    struct {
        board_word print, until_us;
    } suspects[BOARD_SUSPECTS]; /* a ring (suspect.h) */
    board_word suspected;       /* how many there ever were */
    struct board_row keeper, clerk;
    struct board_row workers[BOARD_WORKERS];
    struct board_target targets[BOARD_WORKERS][BOARD_TARGETS + 1]; /* the last one: all others */
    struct board_cred creds[BOARD_WORKERS][BOARD_CREDS];
    struct board_kept kept;
    struct board_seats seats;
    struct board_endpoint endpoints[BOARD_ENDPOINTS];
    struct board_load loads[BOARD_WORKERS][BOARD_ENDPOINTS]; /* by the endpoints' places */
    struct board_lengths lengths[BOARD_LENGTHS];
    struct board_standing standings[BOARD_STANDINGS + 1]; /* the last one: nobody's */
    struct board_trial trial;
    board_word overridden; /* 1: there has been one of these */
    struct board_override overrides[BOARD_OVERRIDES];
    struct board_held held[BOARD_WORKERS]; /* memory is taken only as far as it is written */
};

/* Map a board, all words 0, shared with the children that are forked later. */
MUST_CHECK int board_new(struct board **ret, struct err *e);
void board_free(struct board **b);

static inline uint64_t board_get(const board_word *w)
{
    return atomic_load_explicit(w, memory_order_relaxed);
}

static inline void board_set(board_word *w, uint64_t v)
{
    atomic_store_explicit(w, v, memory_order_relaxed);
}

static inline void board_add(board_word *w, uint64_t n)
{
    atomic_fetch_add_explicit(w, n, memory_order_relaxed);
}

/* Put `to` where *from stands. false: something else does, and *from is that now; or for no reason:
 * ask again. */
static inline bool board_swap(board_word *w, uint64_t *from, uint64_t to)
{
    return atomic_compare_exchange_weak_explicit(w, from, to, memory_order_relaxed,
                                                 memory_order_relaxed);
}

/* A text of n words with its NUL. Its words come from different moments where another process is
 * just writing them; read, it always ends. */
void board_put_text(board_word *words, size_t n, const char *text);
void board_get_text(char *text, const board_word *words, size_t n);

/* One more attempt at a target begins, in the worker's own row of targets; returns the slot, for
 * board_leave(). When all slots are taken it is counted in the last one, under no name. */
struct board_target *board_enter(struct board_target row[BOARD_TARGETS + 1], struct span target);
void board_leave(struct board_target *slot);

/* Attempts under way at one target, in one row. */
uint64_t board_live(const struct board_target row[BOARD_TARGETS + 1], struct span target);

/* Nothing is under way in this row (any more). */
void board_targets_clear(struct board_target row[BOARD_TARGETS + 1]);

/* Attempts under way at one target, in all rows of the first `workers`; and at all targets. */
uint64_t board_at_target(const struct board *b, uint32_t workers, struct span target);
uint64_t board_at_targets(const struct board *b, uint32_t workers);

/* A time that another process wrote, as seen at `now`: never in the future. */
uint64_t board_time(const board_word *w, uint64_t now);

#endif
