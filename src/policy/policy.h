/*
 * policy.h - where a request goes next. The one place that decides on failover: the caller tells
 * what it may be sent to and what became of it, and is told whom to ask, when, and why not.
 *
 *     policy_next() -> an attempt -> policy_answers() -> policy_ended()
 *          ^               |
 *          +-- NEXT -- policy_failed() -- AGAIN (the same target, after a moment)
 *                          |
 *                          +----------- FINAL
 *
 * What is known of targets and credentials stands on the board (board/standing.h), the same for all
 * workers: breakers (health/breaker.h), times before which nobody is to ask, retry budgets
 * (health/budget.h). What is known of the request is the caller's.
 *
 * The rules, in their order:
 *   - A target is asked at most once by a request, and once more in place where its class of
 *     failure says so (provider/classes.def), unless others have seen it fail too, or it is not
 *     to be asked at that moment. Who was outrun has not failed, and may go on with an answer.
 *   - One that has been silent past its first token's time takes its provider out of the request.
 *     That time is what is unusual for it (health/waits.h), as long as somebody else can be asked;
 *     else what is configured.
 *   - Who asks to be left alone (429) is not sick: it is not asked before that time. An account
 *     without money is not asked for POLICY_BROKE_US.
 *   - A sick target is not asked, but by one probe at a time when its breaker's time is over; nor
 *     is one whose key was refused, for POLICY_REFUSED_US. Where nobody else is left, the least bad
 *     of them is probed, at most once a second. If such a probe fails, its time stays as it is; if
 *     it is good, the breaker closes. A target whose time was over long ago is asked by all: what
 *     was known of it is old.
 *   - Where several that share something become sick together (health/fate.h), all who share it are
 *     left alone: as a sick target, with one probe for all of them. If that is good, each of them
 *     may be probed by itself, and has a slow start. So it is with a key that was refused, or that
 *     had no money: when its time is over, one request looks whether that is so.
 *   - Whose breaker has closed is asked by one in POLICY_SLOW_PART, then by more and more, until
 * after slow_us it has its share; where nobody else can be asked it is asked by all.
 *   - Whose streams have become far slower than they were (health/slow.h) is asked where nobody
 * else can be, for some time; and then as if its breaker had closed.
 *   - A retry costs a token of the target that it goes to, in place too. It is free where nothing
 *     of the request can have been executed (once), and where the target has not failed since it
 *     last answered: docs/decisions/0013-failover.md.
 *   - Nobody is sent more than is left of its rate limit (health/limits.h), as far as its answers
 *     have said, less what requests under way may take; and whose account has been told to slow
 *     down is sent no more than its rate of before, which rises by and by (health/ramp.h).
 *   - Who surely takes no request of such a size (health/density.h) is not asked as long as another
 *     one may take it.
 *   - A request that is too long for a target is not asked of those that are known to be no larger,
 *     nor of that target by another way; those that are known to be larger go before the others.
 *   - A first attempt that is slower than usual is hedged, where the model wants that: another
 * target is asked beside it. docs/decisions/0020-hedges.md says when not.
 *   - What the gateway itself lacks to ask a target is neither an attempt nor that target's
 * failure.
 *
 * Room: policy (uses base board provider health). Pure but for the board's words. Threads: any.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "base/reason.h"
#include "board/standing.h"
#include "policy/ledger.h"
#include "provider/class.h"
#include "provider/limits.h"
#include "route/arrange.h"
#include "route/order.h"
#include "route/pool.h"

#define POLICY_TARGETS_MAX 32                   /* of one request */
#define POLICY_BROKE_US    UINT64_C(600000000)  /* an account without money */
#define POLICY_REFUSED_US  UINT64_C(60000000)   /* a key that was refused */
#define POLICY_LIMITED_US  UINT64_C(1000000)    /* a rate limit that does not say how long */
#define POLICY_DELAY_US    UINT64_C(3600000000) /* most that is believed of one that does */
#define POLICY_PROBE_US    UINT64_C(60000000)   /* a probe that nobody ends is over by then */
#define POLICY_LAST_US     UINT64_C(1000000)    /* between probes of the last ones left */
#define POLICY_STALE_US    UINT64_C(60000000)   /* nobody has probed it for so long */
#define POLICY_SLOW_PART   10                   /* one in so many goes to who was sick just now */
#define POLICY_TOKEN_US    UINT64_C(50000)      /* a whole answer is given so long for each token */
#define POLICY_PACE_US     UINT64_C(10000000)   /* no stream is slow before */
#define POLICY_PACE_FEW    9                    /* ... nor is its pace known by fewer pieces */
#define POLICY_PLACE_US    UINT64_C(100000)     /* in place: after this, and up to thrice as long */

/* How far a request may go; from the configuration. */
struct policy_rules {
    uint8_t attempts;       /* most that may have been executed, of all targets; >= 1 */
    uint8_t same_target;    /* ... of one target, beyond the first */
    uint64_t wait_up_to_us; /* a target that asks for no longer is waited for; 0: none is */
    bool breaker;           /* false: whatever failed is asked again */
    uint64_t slow_us; /* so long it takes until who was sick has all of its share; 0: at once */
    bool limits;      /* false: rate limits are learned, and hold nothing back */
    uint32_t hedge;   /* millionths of the model's load that hedges may add; 0: there are none */
    uint64_t hedge_tokens;  /* ... of prompts of no more than so many */
    bool content_elsewhere; /* what one provider's content policy refuses, others are asked */
};

/* What several targets may share, so that they fail together. A fate has an id, the same for all
 * who share it. */
enum policy_fate_kind {
    FATE_PROVIDER, /* a provider's endpoint: all of its models */
    FATE_HOST,     /* several providers at one host */
    FATE_KEY,      /* one of a provider's keys */
    FATE_REGION,   /* several providers of one type in one region */
    FATE_PROXY,
    FATE_LABEL,             /* what the configuration says of a target ... */
    FATE_LABEL_OF_PROVIDER, /* ... and of a provider */
    POLICY_FATES
};

const char *policy_fate_name(enum policy_fate_kind kind);

struct policy_fates {
    uint64_t ids[POLICY_FATES];
    uint8_t kinds[POLICY_FATES];
    uint8_t n;
    uint8_t by_target; /* a bit each: it takes several of a provider's targets to say that it is
                        * sick; else several providers */
};

/* What the request may be sent to, in order. Hashes of names, none 0; `provider` is what the same
 * silence takes out. */
struct policy_candidate {
    uint64_t target, credential, provider;
    uint64_t limits;   /* who shares its rate limits; 0: nobody */
    bool thinks;       /* its model may be silent for long before it answers */
    uint64_t model;    /* the same for all ways to it; 0: it has no other */
    uint64_t context;  /* how many tokens it takes; 0: not known */
    uint64_t endpoint; /* the engine (board/endpoints.h); 0: nobody asks it how it is */
    bool degraded;     /* behind all that are not, whatever else */
    uint8_t tier;      /* all of one are asked before all of a higher one */
    uint32_t weight;   /* route_candidate.weight */
    bool apart;        /* its limit of tokens is one of input; output is counted as it comes */
    bool refills;      /* its limits fill up all the time, and not when they are over */
    bool ramps;        /* it may ask to slow down */
    uint64_t cost;     /* of the request, as far as can be told; ROUTE_NO_PRICE: it cannot */
    uint64_t live;     /* attempts that this process has under way there; for the order alone */
    struct policy_fates fates;
};

/* In which order they are asked (route/order.h), by what is known of them: the fastest is whoever's
 * answers begin soonest by its worst of late (health/peak.h), times what is under way there. whole:
 * the answer comes when it is whole. */
void policy_order(uint8_t *order, const struct policy_candidate *c, uint32_t n,
                  const struct board_standing *table, enum route_strategy strategy, bool whole,
                  uint64_t random, uint64_t now_us);

/* How it stands, for readers: nothing is changed. */
enum policy_stand {
    POLICY_FREE,      /* it is asked */
    POLICY_SLOW,      /* its streams are slow: asked where nobody else can be; until *until_us */
    POLICY_HALF_OPEN, /* its breaker's time is over: one at a time probes it */
    POLICY_OPEN,      /* it has failed, or its key was refused; until *until_us */
    POLICY_FATED,     /* what it shares with others has failed; until *until_us */
    POLICY_ALONE,     /* it has asked to be left alone, or has no money; until *until_us */
};
enum policy_stand policy_look(const struct board_standing *table, const struct policy_candidate *c,
                              uint64_t now_us, uint64_t *until_us);

/* Until when one that is asked starts slowly, by rules.slow_us; 0: it does not. For readers. */
uint64_t policy_slow_start_us(const struct board_standing *table, const struct policy_candidate *c,
                              uint64_t slow_us, uint64_t now_us);

/* How many retries it could be sent now (health/budget.h). */
double policy_retries_left(const struct board_standing *table, const struct policy_candidate *c,
                           uint64_t now_us);

/* How a fate stands, for readers. */
struct policy_fate_view {
    bool open;
    uint64_t since_us, until_us; /* while it is: when it opened, and when it is probed */
    uint64_t incidents;          /* how often it has opened */
};
void policy_fate(struct policy_fate_view *ret, const struct board_standing *table, uint64_t id,
                 uint64_t now_us);

/* Does a conversation stay where it was answered last, so long ago? There is what the request costs
 * there, elsewhere what it costs where the plan has it asked first (route/stay.h). */
bool policy_stays(const struct board_standing *table, const struct policy_rules *rules,
                  const struct policy_candidate *c, uint64_t idle_us, uint64_t there,
                  uint64_t elsewhere, uint64_t now_us);

/* ... and after how long without a first token it is taken for silent, for a stream and a short
 * prompt; 0: nobody has waited for it yet. */
uint64_t policy_silent_us(const struct board_standing *table, const struct policy_candidate *c);

/* Whom policy_next() has passed over, and until when that holds; 0: not known. */
struct policy_passed {
    enum reason why; /* REASON_NONE: it has not been */
    uint64_t until_us;
    uint8_t fate; /* REASON_FATE: enum policy_fate_kind */
};

/* An attempt. */
struct policy_attempt {
    uint8_t at; /* whom it goes to */
    uint8_t again;
    uint8_t fee;           /* what it did to the budget (enum evidence_fee) */
    bool probe;            /* it is one ... */
    bool last;             /* ... for want of others */
    uint64_t probe_us;     /* ... and what the board says by it; 0: all may probe that target */
    uint8_t probing;       /* ... of whom it says so (PROBE_...) ... */
    uint8_t probing_fates; /* ... and of which of its fates; a bit each */
    uint64_t reserved;     /* tokens that are, of its limit ... */
    uint64_t reserved_us;  /* ... since then; 0: nothing is */
    uint64_t asked_us;     /* when it was allowed */
    bool answered;         /* its target has begun to answer ... */
    bool noted;            /* ... which is its success */
    bool slow;             /* its stream has been found slow */
    struct policy_session session; /* what it takes of its engine's KV cache */
};

/* A request. All 0 at first but the first fourteen, heirs at any time. */
struct policy_request {
    struct board_standing *table;
    const struct policy_rules *rules;
    const struct policy_candidate *candidates;
    uint32_t n;            /* at most POLICY_TARGETS_MAX */
    bool whole;            /* the answer comes when it is whole */
    uint64_t prompt_bytes; /* what the target has to read */
    uint64_t tokens;       /* whole: as many as the answer may have, at most */
    uint32_t draw;         /* any 32 bits, the same for all of the request */
    uint64_t text, bulk;   /* bytes of text in it, which each target counts in its own way, and
                            * tokens of what is none; both 0: it cannot be told */
    uint64_t output;       /* tokens that the answer may have; likewise */
    struct policy_passed *passed; /* a place for each of them; NULL: nobody wants to know */
    struct policy_ledger *ledger; /* of the engines' KV caches; NULL: nobody keeps one */
    uint64_t tenant;              /* a hash of who asks, for how long answers are */

    uint32_t heirs; /* candidates that could go on with its stream; a bit each */

    uint32_t beside; /* candidates whose attempts run beside each other; a bit each */
    uint32_t out;    /* candidates that are not asked any more; a bit each */
    uint32_t dear; /* ... of them, for want of a retry budget: with the next failure they may be */
    uint32_t larger; /* ... that go before the others, as their context is larger than one that was
                      * too small */
    uint8_t counted;
    bool asked;    /* there was an attempt */
    bool free;     /* the next one costs nothing ... */
    bool was_free; /* ... and there is one such a request */
    struct policy_attempt it;
    enum reason why;      /* policy_next() found nobody: what is in the way of the first one left;
                           * that one asks to be left alone goes before */
    uint64_t earliest_us; /* ... and when the first of them may be asked; 0: not known */
};

/* Whom to ask now; -1: nobody, `why` and `earliest_us` say why. */
int policy_next(struct policy_request *q, uint64_t now_us);

/* When the first of all its targets may be asked again, those included that it has asked; 0: one of
 * them may be now, or nobody knows. */
uint64_t policy_reopens_us(const struct policy_request *q, uint64_t now_us);

/* The caller will not ask whom policy_next() named: it cannot take this request. */
void policy_skip(struct policy_request *q, uint64_t now_us);

/* For who asks what would be: suppose that whom policy_next() named fails, so that others may be
 * asked, and nobody knows more of it. false: the request has had all its attempts. */
bool policy_suppose_failed(struct policy_request *q, uint64_t now_us);

/* What became of an attempt. */
struct policy_failure {
    enum class_id class_id;
    uint16_t status;     /* of an answer, 0: none */
    bool unasked;        /* it was not asked, for want of something of the gateway's own */
    bool ours;           /* it was, and the like was wanting behind that */
    bool silent;         /* it did not begin to answer in time */
    uint64_t waited_us;  /* ... and was given so long; 0: it was not even reached */
    uint64_t stalled_us; /* it fell silent in the middle, for so long; 0: it did not */
    bool asks;           /* it asks to be left alone ... */
    uint64_t delay_us;   /* ... for so long */
    bool too_fast;       /* it asks for a slower rise of the rate */
};

enum policy_do {
    POLICY_FINAL, /* the request has failed so */
    POLICY_AGAIN, /* the same target again, after wait_us */
    POLICY_NEXT,  /* ask policy_next() */
};

struct policy_step {
    enum policy_do what;
    uint64_t wait_us;
};

/* The attempt failed before anything of an answer had reached the client. left_us: until the
 * request's deadline. */
struct policy_step policy_failed(struct policy_request *q, const struct policy_failure *f,
                                 uint64_t now_us, uint64_t left_us, uint32_t random);

/* The moment of POLICY_AGAIN is over. false: meanwhile others have learned that the target is not
 * to be asked, and policy_next() says who is instead. */
bool policy_again(struct policy_request *q, uint64_t now_us);

/* ---- hedges ---- */

/* The place of a model's share, by a hash of its name. */
uint64_t policy_hedge_id(uint64_t model);

enum policy_unhedged {
    POLICY_HEDGED,
    POLICY_HEDGE_OFF,     /* the model wants none, or the target is asked for want of others */
    POLICY_HEDGE_LONG,    /* the prompt is too long */
    POLICY_HEDGE_LATE,    /* it is not the first attempt, or none may follow */
    POLICY_HEDGE_UNKNOWN, /* too few waits of the target are known */
    POLICY_HEDGE_BUDGET,  /* the model's share is used up, or the other target's retry budget */
    POLICY_HEDGE_NOBODY,  /* nobody else may be asked now */
};

/* After how long without content another one is asked beside the attempt; UINT64_MAX: it is not,
 * *why. */
uint64_t policy_hedge_us(const struct policy_request *q, uint64_t now_us,
                         enum policy_unhedged *why);

/* A request of the model comes, of which place is the standing. */
void policy_hedge_earn(const struct policy_request *q, struct board_standing *place);

/* How many hedges of the model there could be now. place may be NULL. */
double policy_hedges_left(const struct board_standing *place);

/* Whom of these (a bit each) to ask beside `first`; it becomes q->it, and costs. -1: nobody. */
int policy_hedge(struct policy_request *q, const struct policy_attempt *first, uint32_t of,
                 struct board_standing *place, uint64_t now_us);

/* The same for readers: nothing is changed. */
int policy_hedge_look(const struct policy_request *q, uint32_t of,
                      const struct board_standing *place, uint64_t now_us,
                      enum policy_unhedged *why);

/* The caller will not ask it after all. */
void policy_unhedge(struct policy_request *q, struct board_standing *place, uint64_t now_us);

/* The attempt failed, and the one beside it goes on. false: with such a failure nobody may. */
bool policy_failed_beside(struct policy_request *q, const struct policy_failure *f, uint64_t now_us,
                          uint32_t random);

/* The attempt is broken off before it has answered, waited_us after its target was asked; 0: it was
 * not. Its target has not failed, and may be asked again. */
void policy_outrun(struct policy_request *q, uint64_t waited_us, uint64_t now_us);

/* As policy_failed(), and no other attempt can follow: the client has had a part of the answer. */
void policy_broke(struct policy_request *q, const struct policy_failure *f, uint64_t now_us,
                  uint32_t random);

/* How long the attempt's target may take to begin; UINT64_MAX: nobody else could be asked now, so
 * there is nothing to be won. */
uint64_t policy_patience_us(const struct policy_request *q, uint64_t now_us);

/* The same of a silence in the middle of a stream that another target can go on with. */
uint64_t policy_stall_us(const struct policy_request *q, uint64_t now_us);

/* The longest silence of a stream that came to its end. */
void policy_gap(struct policy_request *q, uint64_t longest_us, uint64_t now_us);

/* How quickly the pieces of a stream's content come. What its client holds back is left out. */
struct policy_pace {
    uint64_t us; /* from the first of them to the last ... */
    uint32_t n;  /* ... and how many there were */
};

/* The attempt's stream goes on so, or has come to its end. To be told from time to time, once `us`
 * is POLICY_PACE_US, and at the end in any case. */
void policy_goes_on(struct policy_request *q, const struct policy_pace *pace, bool ended,
                    uint64_t now_us);

/* What the head of the attempt's answer, or of its error, says of the account's limits. */
void policy_limits(struct policy_request *q, const struct provider_limits *l, uint64_t now_us);

/* What is left of a target's limits, for readers; UINT64_MAX: not known. most 0: likewise. */
struct policy_left {
    uint64_t requests, tokens, tokens_most;
    uint64_t rate; /* tokens a minute that it is sent at most, since it asked to slow down */
};
void policy_left(struct policy_left *ret, const struct board_standing *table,
                 const struct policy_candidate *c, uint64_t now_us);

/* The attempt's target has counted so many tokens of input and of output; 0: it has not said. */
void policy_used(struct policy_request *q, uint64_t input, uint64_t output, uint64_t now_us);

/* The attempt's stream has come to so many tokens, as far as can be told. */
void policy_says(struct policy_request *q, uint64_t tokens);

/* How many tokens a text of so many bytes has there, as far as its answers have taught; c NULL: as
 * where nobody knows. */
uint64_t policy_tokens(const struct board_standing *table, const struct policy_candidate *c,
                       uint64_t text);

/* The target has begun to answer with content, so long after it was asked. */
void policy_answers(struct policy_request *q, uint64_t waited_us, uint64_t now_us);

/* ... and its answer is complete. waited_us: if policy_answers() has not been told. */
void policy_ended(struct policy_request *q, uint64_t waited_us, uint64_t now_us);

/* The attempt is over and says nothing about its target: the client has left, the gateway is at
 * fault. */
void policy_dropped(struct policy_request *q, uint64_t now_us);

#endif
