/*
 * sim.h - the deterministic simulation: one seed draws a world (providers, keys, routes, workers),
 * a load (requests of all dialects, patient and impatient clients) and faults, and runs the real
 * relay, policy, http and dialect code through it on virtual time and a virtual network. After
 * every turn of the loop it is checked that nothing is broken that must hold; at the end everything
 * is healed, and must get well.
 *
 *     main.c      seeds into processes; what is printed, and how a seed is replayed
 *     world.c     what one seed draws, the life of one run
 *     load.c      the requests, and who makes them
 *     faults.c    what a provider does with a request, by its mood
 *     speech.c    the dialects, written once more on purpose; hear.c: and read
 *     upstream.c  providers: HTTP/1.1 by hand, with the fault that was drawn
 *     client.c    clients of HTTP/1.1 by hand; client_h2.c: of HTTP/2 by nghttp2
 *     hedges.c    who is asked beside a slow one; walls
 *     joins.c     who goes on with an answer that broke off, and what a client may then read
 *     costs.c     prices and caps; what providers bill
 *     check.c     invariants about answers: what each client saw against what was said
 *     rules.c     invariants about attempts: who was asked, when, how often
 *     ends.c      invariants about ends: nothing is left; all gets well
 *     hands.c     a new configuration, a worker that ends, words by hand
 *     named.def   seeds that once failed
 *
 * The invariants are those of the fault matrix: (I1) each request that is accepted ends in one
 * record; (I2) no truncated answer is marked complete; (I3) the text that a client has is the
 * beginning of one answer of one target, each word once, and all of it if it is complete; or of the
 * answers of several, where each one that went on says so, may do so, was asked with what the
 * client had, and is told once; one id, one head, one end; never behind a call or a signature; (I4)
 * attempts go by the rules; (I5) nothing is left; (I6) no key is in records, logs, answers, or with
 * a provider that it does not belong to; (I7) when the faults are over, all targets answer again;
 * (I8) nobody fails who has not been given a reason to; (I9) no request costs more than it may, all
 * its attempts, hedges and joins together, nor does failing over.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/rng.h"
#include "board/board.h"
#include "board/held.h"
#include "conf/report.h"
#include "ev/ev_sim.h"
#include "net/net_sim.h"
#include "net/resolve.h"
#include "relay/gateway.h"

#define WORKERS_MAX   2
#define PROVIDERS_MAX 4
#define ENDS_MAX      2 /* endpoints, and keys, of a provider */
#define TARGETS_MAX   5 /* of a request */
#define ASKS_MAX      400
#define SIM_WORDS_MAX 14
#define ATTEMPTS_MAX  64 /* all ways of both configurations, and more */

/* ---- text.c: bytes that grow, without the product's memory ---- */

struct text {
    char *p; /* NUL behind n */
    size_t n, cap;
};

void text_add(struct text *t, const char *p, size_t n);
void text_str(struct text *t, const char *s);
__attribute__((format(printf, 2, 3))) void text_f(struct text *t, const char *fmt, ...);
void text_cut(struct text *t, size_t n); /* the first n bytes go */
void text_free(struct text *t);
bool text_has(const struct text *t, const char *s);
/* The number that p begins with; base 10 or 16. */
uint64_t text_number(const char *p, unsigned base);

/* ---- speech.c ---- */

enum api { API_CHAT, API_MESSAGES, API_RESPONSES, API_GEMINI, API_COHERE, API_OLLAMA, APIS };
#define CLIENT_APIS 4 /* the first ones */

#define SIM_TOOL      "sim_tool"
#define SIM_SIGNATURE "c2ltIHNpZ25lZA=="

enum thinks { THINKS_NOT, THINKS_PLAINLY, THINKS_SIGNED };

/* An answer as a provider says it. The text of answer n is a function of n, `words` and `pad`; that
 * of who goes on with another one is its own, in so many pieces. */
struct answer {
    unsigned n, words;
    size_t pad;                               /* bytes that each word is longer */
    unsigned long long tokens_in, tokens_out; /* as it counts them */
    bool has_own;
    struct text own;
    enum thinks thinks; /* of streams of chat and messages alone, before the text ... */
    bool calls;         /* ... and a tool behind it */
    const char *type;
    struct text body;
    size_t ends[SIM_WORDS_MAX + 24]; /* offsets behind each event */
    size_t ends_n;
    size_t thought_at;  /* behind the first event with thinking; 0: there is none */
    size_t content_at;  /* behind the first event with text */
    size_t complete_at; /* from here on it is whole */
};

void speech_answer(struct answer *a, enum api api, bool stream, const char *model, struct rng *r);
/* The whole text of an answer. */
void speech_text(struct text *out, const struct answer *a);
/* An error as providers say it. */
void speech_error(struct text *out, enum api api, const char *type, const char *code,
                  const char *message);
/* The path and the body of a client's request. */
void speech_request(struct text *path, struct text *body, enum api api, bool stream,
                    const char *model, const char *prompt, unsigned max_tokens);

/* What a client has read of an answer. */
struct heard {
    struct text text;
    struct heard_join {
        char target[40];
        size_t at;    /* bytes of text before it */
        char how[12]; /* "": by a beginning */
    } joins[ATTEMPTS_MAX];
    unsigned joins_n;
    uint64_t usage_in, usage_out;
    uint64_t sequence; /* of responses: the number that the next event has ... */
    char item[32];     /* ... and the message that they speak of */
    bool terminal;     /* its dialect says that the answer is complete */
    bool error;        /* ... that it failed */
    const char *bad;   /* it is not of the dialect */
    char id[32];       /* what the answer is called */
    unsigned begun;    /* how often it says that it begins */
};

void speech_hear(struct heard *h, enum api api, bool stream, const char *body, size_t n);

/* ---- faults.c ---- */

enum fault_kind {
    F_NONE,
    F_RESET_EARLY, /* before the head */
    F_FIN_EARLY,
    F_SILENT,
    F_HALF_HEAD,
    F_NO_HTTP,
    F_HUGE_HEAD,
    F_SLOW_HEAD,
    F_SLOW_FIRST,
    F_RESET_AT,
    F_FIN_AT,
    F_CLEAN_AT, /* a clean end behind an event */
    F_STALL_AT,
    F_PAUSE_AT,
    F_DRIBBLE,
    F_PAGE,
    F_BAD_JSON,
    F_STATUS,
    F_LONG,  /* content-length is more than there is */
    F_SHORT, /* ... less */
    F_ERROR_FIRST,
    F_ERROR_LATER,
    F_EARLY,       /* it answers before it has the request */
    F_EARLY_ERROR, /* it refuses before it has the request */
    F_1XX,
    F_1XX_FLOOD,
    F_UNSOLICITED, /* one answer more than was asked for */
    F_CLOSE_AFTER,
    F_AFTER_END, /* an event behind the terminal one */
    FAULTS
};

/* Can the attempt end well? */
enum fault_end { END_WELL, END_MAYBE, END_BADLY };

struct fault_row {
    enum fault_kind kind;
    const char *name;
    enum fault_end end;
    uint8_t weight;
};

/* An error status, and what the gateway is to make of it. */
struct status_row {
    unsigned status;
    const char *type, *code, *message;
    const char *class_name;
};

struct fault {
    enum fault_kind kind;
    const struct status_row *status;
    size_t at;      /* byte; of F_CLEAN_AT event */
    ev_us delay;    /* before the head; the pause */
    unsigned ask_s; /* retry-after; 0: none is given */
    bool ask_ms;    /* ... in retry-after-ms */
    bool says_key;  /* the error repeats the gateway's key */
    unsigned n;     /* 1xx */
};

extern const struct fault_row fault_rows[FAULTS];

struct sim;
struct arrival;
void fault_draw(struct fault *f, struct sim *s, struct rng *r, enum fault_kind kind);
enum fault_kind fault_kind_draw(struct rng *r);
/* Is what has been sent of the answer such that the attempt must, can, cannot end well? */
enum fault_end fault_end_of(const struct arrival *a);

/* ---- the world ---- */

/* How an endpoint is for a while. */
enum mood { MOOD_WELL, MOOD_DOWN, MOOD_SICK, MOOD_FLAKY, MOOD_BUSY, MOODS };

struct endpoint {
    struct sim *s;
    size_t provider, at;
    char addr[32];
    struct net_listener *listener;
    struct list conns;
    struct ev_timer turn; /* the mood changes */
    enum mood mood;
    struct fault fault; /* MOOD_SICK */
    ev_us down_at;      /* last time that it went down, or has been down until */
    ev_us dirty_at;     /* ... that it said more than it was asked */
};

struct provider_world {
    const char *type, *base; /* of its URL, behind the address */
    char name[8];
    size_t ends_n, keys_n;
    struct endpoint ends[ENDS_MAX];
    char keys[ENDS_MAX][48];
    ev_us connect, first, idle, total;
    bool priced;                  /* ... and else nobody knows what it costs */
    unsigned price_in, price_out; /* of a token, in millionths of a dollar */
    unsigned bytes_a_token;
};

struct ask;

/* A request that has reached a provider. */
struct arrival {
    struct list link;
    unsigned n; /* it makes answer n */
    struct ask *ask;
    size_t provider, end, key;
    char model[24];
    enum api api;
    bool stream;
    ev_us at, ended;
    struct fault fault;
    struct answer answer;
    struct text begin;    /* what it is to go on with */
    bool in_words;        /* ... and is asked for it by another turn */
    bool faithful;        /* it goes on as the first one would have */
    uint64_t tokens_most; /* that it is asked for */
    ev_us spoke_at;       /* it had said some content of its answer; 0: it has not */
    size_t sent;          /* of the answer's body */
    bool whole;           /* the request has come */
    bool over;            /* nothing more is sent */
    bool all;             /* all of it was sent that there is, in order */
    bool killed;          /* the provider died, or the world ended */
    bool aborted;         /* the gateway ended the connection */
};

/* Where is written what is known of an attempt's target (hands.c). */
enum table { TABLE_MAIN, TABLE_TRIAL, TABLE_VAGUE /* it cannot be told */ };

/* An attempt as the board shows it. */
struct attempt {
    size_t provider;
    char model[24];
    enum table table;
    ev_us began, ended;
    enum class_id class_id;
    enum reason reason;
    bool over, good;
    bool either;             /* its arrival may be that of another one, which ran beside it */
    struct arrival *arrival; /* the last one */
};

/* A client's request: what it asks for, and what came of it. */
struct ask {
    struct sim *s;
    unsigned n;
    char name[12]; /* the model it names */
    enum api api;
    bool stream, pinned; /* pinned: it names a target itself */
    enum { GO_ON_OFF, GO_ON_FAMILY, GO_ON_ANY, GO_ON_INSTRUCT, GO_ON_REPLAY } go_on;
    struct {
        size_t provider;
        char model[24];
    } targets[TARGETS_MAX];
    size_t targets_n;
    unsigned attempts, same_target, wait_s;
    size_t hedge_tokens;
    bool hedge_paid, hedge_any, walled;
    unsigned attempts_new; /* by the configuration on trial */
    bool weighted;
    size_t tier_2; /* the first target of the second tier; 0: there is none */
    size_t body_size;
    struct text prompt;
    unsigned max_tokens;               /* 0: it says nothing, and has no caps */
    uint64_t cost_max, extra_cost_max; /* in millionths of a dollar; UINT64_MAX: none */
    /* the client */
    size_t worker;
    bool leaves, half_close;
    size_t leave_bytes;
    ev_us leave_in;
    size_t upload_piece; /* 0: all at once */
    ev_us upload_gap;
    enum { READS, READS_SLOWLY, READS_NOT } reads;
    /* what it saw */
    bool sent, over, clean, broken, left;
    ev_us began, uploaded, ended;
    unsigned status;
    char id[24];
    struct text body;
    /* what the gateway says of it */
    bool recorded, accepted;
    struct record record;
    unsigned mores;
    struct attempt tries[ATTEMPTS_MAX];
    size_t tries_n;
    unsigned arrivals;
};

struct client;

struct worker {
    struct sim *s;
    size_t at;
    struct gateway gateway;
    struct held_holder held;
    struct policy_ledger ledger;
    struct net *net;
    uint64_t finals;
};

/* What must be known of a target to say whom it is wrong to ask (rules.c). */
struct stand_model;

struct sim {
    uint64_t seed;
    int trace;
    struct rng draw, play; /* play: what happens while it runs */
    struct rng more;       /* what has to do with joins */
    struct rng together;   /* ... with what fails together */
    bool joins;
    struct rng hedges_rng; /* ... and with hedges */
    bool hedges;
    unsigned hedged;      /* requests that were */
    struct rng money_rng; /* ... and with prices */
    bool money;
    struct text prices;
    struct ev *ev;
    struct net_sim *net;
    struct net_sim_conf fair, rough; /* toward clients; toward providers */
    bool is_rough, was_rough, torture, healed;
    struct net *up_net, *cl_net;
    struct resolver *resolver;
    struct env *env;
    struct conf_report report;
    struct settings *settings;
    struct board *board;
    struct text config;
    bool breaker, keyed;
    uint64_t turns;
    size_t workers_n, providers_n, asks_n;
    struct worker workers[2 * WORKERS_MAX]; /* also those that have ended */
    size_t slots[WORKERS_MAX], slots_n;     /* those that serve */
    struct hands *hands;                    /* NULL: nobody does anything meanwhile */
    struct settings *next;                  /* the configuration on trial */
    struct provider_world providers[PROVIDERS_MAX];
    struct ask *asks[ASKS_MAX];
    struct list arrivals, clients;
    unsigned arrivals_n;
    struct ev_timer torture_timer;
    uint32_t rack; /* providers that fail together from time to time; a bit each */
    bool rack_down;
    struct ev_timer rack_timer;
    struct stand_model *stands;
    size_t stands_n;
    size_t timers; /* that are armed while nothing is under way */
};

#define CANARY        "canary-"
#define CLIENT_CANARY CANARY "client-0123456789"
#define FIRST_PORT    9000u
#define GATE_PORT     8080u

/* Say what broke, with the command that repeats it; the process ends. */
_Noreturn __attribute__((format(printf, 2, 3))) void sim_fail(struct sim *s, const char *fmt, ...);
/* With --trace. */
__attribute__((format(printf, 2, 3))) void sim_say(struct sim *s, const char *fmt, ...);

void sim_run(uint64_t seed, int trace);

/* load.c */
void load_draw(struct sim *s);
void load_begin(struct sim *s);
struct ask *load_more(struct sim *s, const char *model, size_t worker, enum api api, bool stream);
void load_free(struct sim *s);

/* upstream.c */
void upstream_open(struct endpoint *e);
void upstream_close(struct endpoint *e);
void upstream_mood(struct endpoint *e, enum mood mood);
void upstream_kill(struct endpoint *e); /* its connections are reset */

/* client.c */
struct client {
    struct list link;
    struct sim *s;
    struct ask *asks[4];
    size_t asks_n, at;
    size_t slot; /* the worker that it is connected to */
    bool h2;
    struct net_connect *connecting;
    struct net_conn *conn;
    struct ev_timer timer; /* its next piece is sent; it looks again */
    struct ev_timer leave;
    struct text out, in;
    size_t sent;
    bool reading, lost, connected;
    /* of an answer of HTTP/1.1 */
    bool head_done, chunked, keep;
    uint64_t length;
    void *session; /* client_h2.c */
};

void client_start(struct sim *s, struct ask *const *asks, size_t n, bool h2, ev_us in);
void client_free(struct client *c);
void client_over(struct client *c, struct ask *a, bool clean);
void client_leave(struct client *c);
/* A worker has ended: who is just connecting to it comes to the one in its place, which has its
 * socket. */
void client_move(struct sim *s, size_t slot);
/* client_h2.c */
void client_h2_open(struct client *c);
void client_h2_read(struct client *c, const char *p, size_t n);
void client_h2_free(struct client *c);
/* What is written is the client's last deed: it may be gone behind it. */
bool client_write(struct client *c, const char *p, size_t n);

/* joins.c */
void joins_draw_provider(struct sim *s, struct provider_world *p);
const char *joins_word(const struct ask *a); /* as the configuration has it */
void joins_draw_ask(struct ask *a);
/* Is what it does drawn only when all of the request has come? */
bool joins_wait(const struct arrival *a);
/* The request's body: does it say how the answer begins? */
void joins_read(struct arrival *a, const char *body, size_t n);
/* What it does, and what it says. */
void joins_fault(struct arrival *a);
void joins_speak(struct arrival *a);
/* What the client has read of it from `at` bytes on is of a; the rest of its text, into rest. */
void check_joined(struct ask *a, const struct heard *h, bool complete);

/* hedges.c */
void hedges_draw_ask(struct ask *a);
void hedges_write_plan(struct ask *a);
void hedges_open(struct sim *s);
/* Most of what goes well is slow. */
void hedges_fault(struct arrival *a);
void hedges_begins(struct ask *a, const struct attempt *t);
void hedges_ended(const struct ask *a);

/* costs.c */
void costs_draw(struct sim *s);
void costs_draw_provider(struct sim *s, struct provider_world *p);
struct span costs_prices(struct sim *s); /* the price file */
void costs_draw_ask(struct ask *a);
void costs_write(struct text *out, const struct ask *a); /* its caps */
/* How many tokens the provider counts; the request's body: how many it is asked for. */
void costs_draw_answer(struct arrival *a);
void costs_read(struct arrival *a, const char *body, size_t n);
/* May it be that it was not asked since it could have cost too much? */
bool costs_may_forbid(const struct ask *a, size_t provider);
void costs_check(const struct ask *a); /* it is over */

/* check.c */
struct arrival *check_arrival(struct sim *s, unsigned n);
void check_record(struct worker *w, const struct record *r);
void check_client(struct ask *a); /* it has ended */
void check_asks(struct sim *s);   /* all has */

/* rules.c */
void rules_init(struct sim *s);
void rules_free(struct sim *s);
void rules_turn(struct sim *s); /* a turn is over */
void rules_record(struct ask *a, const struct record *r);
void rules_arrived(struct arrival *a);
void rules_said(struct arrival *a); /* some content of its answer has been sent, or all of it */

/* ends.c */
void ends_still(struct sim *s); /* nothing is under way */
size_t ends_timers(const struct sim *s);
void ends_heal(struct sim *s);
void ends_gone(struct sim *s); /* the gateways are */

/* Could the target have been asked, and was not? */
bool rules_left_out(struct ask *a, const struct attempt *t, size_t provider, const char *model);
/* ... or would it have got only a part of the requests, as it was sick until lately? */
bool rules_was_sick(struct sim *s, const struct attempt *t, size_t provider, const char *model);

/* hands.c */
bool hands_draw(struct sim *s);     /* does anybody do anything? */
unsigned hands_more(struct sim *s); /* requests besides */
void hands_draw_ask(struct ask *a);
void hands_write_plan(struct text *out, const struct ask *a, unsigned attempts, const char *more);
void hands_write_common(struct sim *s, struct text *out, const char *more);
void hands_load(struct sim *s);
void hands_open(struct sim *s);
void hands_rest(struct sim *s);
bool hands_wants_more(struct sim *s); /* a request of the model "t" */
const char *hands_suffix(const struct sim *s);
bool hands_is_wrong(const struct sim *s); /* the configuration in use: nothing makes that well */
void hands_still(struct sim *s);
void hands_free(struct sim *s);
/* Is it a name of the configuration on trial? */
bool hands_is_new(const char *model);
/* Was something said of the target by hand, while the request was there? */
bool hands_touched(const struct ask *a, size_t provider, const char *model);
bool hands_has_cause(const struct sim *s, const struct attempt *t);
void hands_attempt(struct ask *a, struct attempt *t); /* it begins, and is not among a->tries yet */
void hands_record(struct ask *a, const struct record *r);

/* world.c */
void sim_open_worker(struct sim *s, size_t i);
bool sim_idle(const struct sim *s);
size_t sim_find_target(struct sim *s, const char *id, char model[24]);

#endif
