/*
 * relay_impl.h - the relay's own state, shared by its files. Those that say whom to ask stand in
 * relay_plan.h; the others:
 *     relay.c    the life: what happens when (the only writer of `state`)
 *     upstream.c what the target says, and what becomes of it
 *     request.c  reading the request: operation, key, model; what an attempt sends
 *     join.c     an answer that breaks off is gone on with
 *     calls.c    calls of tools that are told when they are whole
 *     attempt.c  an attempt's credential, its call, and what follows from its failure
 *     hedge.c    a second attempt beside the first
 *     answer.c   what is written toward the client
 *     exhausted.c  an approved text in place of an error
 *     trial.c    a new configuration that is tried on a slice of the requests
 *     models.c   the list of models
 *     translated.c  what there is besides when the target speaks another dialect
 *     patch.c    patches whose places only a second walk of the body tells
 *     repeat.c   the first request of an Idempotency-Key, and its repetitions
 *     hand_over.c  a request that another worker answers
 *     hosted.c   what is patched when a cloud has the client's API in a form of its own
 *
 * Room: relay, private to it.
 */
#ifndef RELAY_RELAY_IMPL_H
#define RELAY_RELAY_IMPL_H

#define XXH_STATIC_LINKING_ONLY /* for the size of its state */
#include <xxhash.h>

#include "call/call.h"
#include "codec/bulk.h"
#include "codec/json_scan.h"
#include "dialect/translate.h"
#include "relay/relay.h"

#define RELAY_ARENA    ((size_t)1024 * 1024) /* all attempts together */
#define RELAY_HOLD     ((size_t)16 * 1024) /* most bytes of a stream held before its first content */
#define RELAY_HOLD_MS  1500                /* ... and the head; behind it the client ... */
#define RELAY_ALIVE_MS 10000               /* ... gets a keep-alive in so long */
#define RELAY_CALLS                                                                                \
    ((size_t)16 * 1024)        /* most bytes of calls that are held until they are whole ... */
#define RELAY_CALLS_MS    5000 /* ... for so long */
#define RELAY_LOW         ((size_t)4 * 1024) /* go on reading the target below this backlog */
#define RELAY_ID          17                 /* "r_" and 15 characters */
#define RELAY_PATCHES     2
#define RELAY_PATCHES_MAX 65536 /* of a request */
#define RELAY_BATCH_MAX   4096  /* most requests of a batch whose model is renamed */

enum relay_state {
    RELAY_READING,   /* the request's body is coming in */
    RELAY_TRYING,    /* an attempt runs, or is waited for; nothing of an answer has been sent to the
                      * client, at most its head */
    RELAY_ANSWERING, /* the answer is under way to the client */
    RELAY_HANDED,    /* another worker answers it */
    RELAY_READING_ALONG, /* its client gets another request's answer */
    RELAY_FLUSHING,      /* all is written; it has to leave */
    RELAY_ENDED,
};

/* Of the trial of a configuration (trial.c). */
enum relay_side { RELAY_NO_SIDE, RELAY_OLD, RELAY_NEW, RELAY_AGAIN };
/* What a request says about its own routing; all 0: nothing. */
struct relay_routing {
    struct route_words order, only, ignore; /* names of targets or of providers */
    bool read;                              /* it has been, and is not in the body any more */
    bool no_fallbacks, sorted;
    enum route_strategy sort; /* if sorted */
};

/* One attempt at one target: what is made of the request for it, and what has come of its answer.
 * A failed one is forgotten, and its place taken by the next one. */
struct relay_attempt {
    struct relay *relay;
    const struct settings_target *target;
    const struct settings_url *url; /* the endpoint, and the key, that it is asked by */
    size_t key_at;
    struct blob_patch few_patches[RELAY_PATCHES];
    struct blob_patch *patches; /* those few, or as many as are needed */
    size_t patches_n, patches_room;
    uint64_t told;                 /* bytes of the answer so far that it goes on with */
    uint64_t extra_held, extra_us; /* what it may cost beyond the first target, since then; 0:
                                    * nothing is held */
    struct span client_model_json; /* the model as the client wrote it, to patch answers */
    bool rename;                   /* the answer's model has to be patched */
    bool keeper_noted;             /* who keeps the answer (board/kept.h) */
    bool usage_added; /* the gateway asks for usage and the client did not: it gets none */
    /* a target of another dialect (translated.c); NULL, 0: it speaks the client's */
    struct translate *translate;
    uint64_t translating;                /* bytes that it takes, a part of the env's */
    const struct provider_op_row *up_op; /* what the target is asked for */
    const struct dialect *up_dialect;
    struct blob *up_body;     /* the request as it is sent */
    struct buf gathered;      /* an event that comes in pieces */
    struct span dropped;      /* what of the request is left out; absent: nothing */
    struct span approximated; /* ... and what is said in other words */

    struct cred_wait credential; /* for the target's credential, while it is being fetched */
    struct cred *cred;           /* that it is made with; NULL: the target goes by a key */
    bool renewed;                /* it was refused once, and fetched anew */
    struct call *call;
    struct board_target *counted; /* where it is counted as under way; NULL: nowhere */
    struct http_head answer_head; /* of the upstream's answer; fields in the arena */
    bool events;                  /* the answer comes as events */
    uint64_t event_print;         /* of the last one, where it had a number */
    bool whole;                   /* the answer is held until it is whole */
    struct buf held;              /* events before the first content */
    struct blob *answer;          /* a whole answer */
    struct blob_patch answer_patch;
    struct blob_reader answer_reader;
    /* what is told when it is whole (calls.c) */
    struct {
        struct buf held;       /* events: the length of each, and its bytes; empty: nothing is */
        bool any;              /* a call is among them, not the end of a text alone */
        uint64_t sequence;     /* the number of the first one */
        struct ev_timer timer; /* ... until then */
    } calls;
    struct follow *follow; /* of its stream, for who may go on with it (join.c); in the arena; NULL:
                            * nobody may */
};

/* The second of two attempts, and what is kept of the one whose turn it is not. */
struct relay_hedge {
    struct relay_attempt attempt;
    struct policy_attempt policy; /* ... of it, in place of run.it */
    struct record record;         /* ... likewise, what is of an attempt alone (record_swap()) */
};

struct relay {
    struct relay_env *env;
    struct list link; /* in env->live */
    enum relay_state state;
    struct settings *settings; /* the snapshot that this request began with */
    struct arena arena;
    struct http_stream *client;
    const struct http_head *head;
    const struct provider_op_row *op;
    const struct dialect *dialect; /* of the client: its errors are said in it */
    const struct settings_key *key;
    enum relay_side side;
    bool judged;                           /* it is known whether its side has failed by it */
    uint64_t trial;                        /* its number */
    struct settings *tried;                /* that, once the request has gone back from it */
    const struct settings_key *key_before; /* with the snapshot in use */
    ev_us asked;                           /* its first target, with the snapshot that it goes by */
    struct ev_timer silent;
    ev_us began;
    struct record record;

    /* request */
    struct blob *body;
    struct bulk bulk;   /* what of it is no text */
    XXH64_state_t read; /* what has been read of the body */
    uint64_t print;     /* of the whole request (board/suspect.h); 0: it is not whole yet */
    struct dialect_request_reader *reader; /* NULL: the body is not read */
    struct dialect_request req;
    struct settings_plan plan;
    struct policy_request run; /* the candidates of the plan, and what became of them; n 0: what
                                * passes through has none */
    const struct settings_way *ways; /* the same as run.candidates; in the arena; behind them ... */
    size_t out_n;                    /* ... those that must not be asked */
    struct relay_routing routing;
    uint64_t conversation;    /* a hash; 0: none, or nobody wants to know */
    uint64_t beginning;       /* likewise, for pools */
    bool sits;                /* ... and it goes first where it sits */
    bool walled;              /* one of those is behind a wall */
    struct span stopped;      /* why no further tier is asked, as a sentence; absent: they are */
    uint32_t classes;         /* of data that is in it; of settings.classes, a bit each */
    uint64_t cost_max, spent; /* picodollars: that it may cost, and that its attempts have */

    /* attempts: one, and beside it another one while a hedge runs (hedge.c) */
    struct relay_attempt first;
    struct relay_hedge *hedge;    /* NULL: there has been none */
    struct relay_attempt *at;     /* the one whose turn it is ... */
    struct relay_attempt *beside; /* ... and the other one that is under way; NULL: none is */
    struct ev_timer slow;         /* the first one takes longer than is usual */
    struct relay_last *last;      /* how the last one failed; NULL: none has */
    struct ev_timer again;        /* the same target is asked once more then, or anybody */
    ev_us waited;                 /* for anybody to be there */
    ev_us trying_since;           /* 0: its plan has not been begun */
    ev_us deadline_at;

    /* what the client has been told, where another target may go on with it (join.c) */
    struct relay_last *broke; /* why it broke off first; NULL: it has not */
    bool joining;             /* who goes on has said nothing yet */
    uint32_t by_prefix;       /* of run.heirs those that take a beginning */
    ev_us heard;              /* when its last event came, or the client had taken what there was */
    ev_us silence;            /* the longest between two */
    struct policy_pace pace;  /* of its content */
    bool blocked;             /* the client has to take something first */

    struct ev_timer hold;
    uint64_t sequence; /* number of the event that the attempt could not send any more */
    struct ev_timer deadline;

    /* an Idempotency-Key (repeat.c) */
    struct span once_key;    /* absent: it has none */
    struct once_entry *once; /* it is the first of its key; NULL: it is not */
    struct ev_post over;     /* what its client reads along has come to its end */
    struct tape *tape; /* that its client is answered on, or gets the answer from; a reference */

    /* handed over (hand_over.c) */
    struct http_stream *handed;      /* to the worker that answers it */
    uint32_t owner;                  /* that worker */
    uint64_t handed_at, handed_sent; /* bytes of the body on their way, and gone */
    bool handed_whole, handed_again; /* all of it is; it is the second try */
    bool owner_answers;              /* ... and makes the record */

    /* toward the client */
    size_t backlog; /* body bytes written and not gone yet */
    bool head_sent, end_sent;
    bool streams;   /* the head said that events follow */
    bool is_static; /* the answer is an approved text */
    struct ev_post reap;
};

/* Whether and when asking again makes sense, as SDKs are told. */
struct relay_retry {
    bool makes_sense;
    struct span after; /* in the target's own words; absent: it has none */
    uint64_t ms;       /* in so long; 0: not known */
};

/* Why a request is refused or failed, as the client is told. */
struct relay_refusal {
    uint16_t status;
    enum reason reason;
    enum class_id class_id; /* of the upstream's failure, or CLASS_NONE */
    const char *text;       /* one or two sentences */
    const char *hint;       /* may be NULL */
    struct span param;      /* the place in the request, may be absent */
    const char *word;       /* what the target has no word for, as one; may be NULL */
    const char *upstream_type;
    uint16_t upstream_status;
    struct span retry_after; /* of the upstream's own; may be absent */
    uint64_t retry_ms;       /* when something reopens, from now on; 0: not known */
};

/* How an attempt failed, for the case that none is better. */
struct relay_last {
    struct relay_refusal no;
    const struct settings_target *target;
    /* What the provider said, where the client is to hear it as it came; absent: it is not. */
    struct span body, content_type;
};

/* ---- relay.c ---- */

/* A request with this head, of nobody yet; and what it has taken given back. */
void relay_init(struct relay *r, struct relay_env *env, const struct http_head *h);
void relay_fini(struct relay *r);

/* Its path is known: make ready for its body; take a piece of that; it is whole. false: *no says
 * what is wrong with it. */
MUST_CHECK int relay_begin(struct relay *r, struct err *e);
bool relay_read_body(struct relay *r, struct span s, struct relay_refusal *no);
bool relay_read_end(struct relay *r, struct relay_refusal *no);

/* It is read: ask its first target; or, if that could not be found, say no. */
void relay_serve(struct relay *r, const struct relay_refusal *no);

/* It is over: record it, and close the client's stream so. */
void relay_end(struct relay *r, enum http_close how);

/* Everything is written: end as soon as it has left. */
void relay_flush(struct relay *r);

/* Into the record. */
void relay_note(struct relay *r, const struct relay_refusal *no);

/* Say no, as well as the state allows. */
void relay_refuse(struct relay *r, const struct relay_refusal *no);

/* Who was to go on has failed so, and nobody else is left: that stands in the record of its
 * attempt, and the client is told why the answer broke. */
void relay_refuse_join(struct relay *r, const struct relay_refusal *no);

/* The attempt is over, also if it does not know yet: keep what it has read. */
void relay_drop_attempt(struct relay *r);

/* ... and the one beside it, and nothing is waited for any more. */
void relay_drop_call(struct relay *r);

/* r->hedge, with nothing in it. */
MUST_CHECK int relay_begin_second(struct relay *r, struct err *e);

/* Who dies from here on dies of this request, as far as anybody can tell from outside. */
void relay_on_work(void *arg, bool works);

/* What the target sent cannot be given to the client: a failure like others, where it is not our
 * own want of memory. */
void relay_impossible(struct relay *r, const struct err *e);

extern const struct http_stream_cb relay_client_cb;

/* ---- repeat.c ---- */

/* The Idempotency-Key, from the head. */
bool relay_read_once(struct relay *r, struct relay_refusal *no);

/* The body is whole: is the request to be answered here and now? false: it has been seen to. */
bool relay_is_first(struct relay *r);

/* The fn of r->over. */
void relay_on_over(struct ev_post *p);

/* It is over: what its repetitions get is settled. */
void relay_end_once(struct relay *r, enum http_close how);

/* ---- upstream.c ---- */

extern const struct call_cb relay_call_cb;

/* The attempt has failed for good: tell the client. */
void relay_fail(struct relay *r, const struct relay_last *last);

/* Bytes have left toward the client: more of the target's stream may come; of a whole answer write
 * as much as of one that streams may wait. */
void relay_ask_more(struct relay *r);
void relay_pump_answer(struct relay *r);
/* The client has left. Behind the terminal marker, where SDKs close a stream whose own end has not
 * come yet, it left with the whole answer: that is noted, and the request ended. False: it did not.
 */
bool relay_left_with_all(struct relay *r);

/* The answer begins: send the head, if it has not gone before, and what was held behind it. */
MUST_CHECK int relay_open(struct relay *r, struct err *e);

/* Content has reached the client. */
void relay_note_told(struct relay *r);

/* The target has fallen silent: as if the call had failed. */
void relay_stalled(struct relay *r, ev_us quiet);

/* The fn of r->hold. */
void relay_on_hold(struct ev_timer *t);

/* ---- join.c ---- */

/* A stream begins: follow it, if somebody could go on with it. */
void relay_follow(struct relay *r);
void relay_find_heirs(struct relay *r);
void relay_follow_event(struct relay *r, struct span raw, enum call_piece piece);
void relay_hear(struct relay *r, bool content); /* an event has come */
void relay_unfollow(struct relay *r);

/* The answer has begun: from now on it may stall. The fn of r->hold from then on. */
MUST_CHECK int relay_watch(struct relay *r, struct err *e);
void relay_on_watch(struct relay *r);

/* Behind its first content: can another target go on with it? */
bool relay_can_join(const struct relay *r);

/* How it would be asked. */
enum join_how relay_join_how(const struct relay *r);

/* Does the client know of a block that says who goes on? */
bool relay_says_joins(const struct relay *r);

/* r->at->target shall: make the request of it. false: it cannot, *no says why. */
bool relay_join(struct relay *r, struct relay_refusal *no);

/* ---- calls.c ---- */

/* Is the event, which has just come, to be held? */
bool relay_holds(const struct relay *r, const struct dialect_event *ev, struct span raw,
                 enum call_piece piece);
MUST_CHECK int relay_hold_call(struct relay *r, const struct dialect_event *ev, struct span raw,
                               struct err *e);

/* What is held is told now. Nothing is fine. */
MUST_CHECK int relay_tell_calls(struct relay *r, struct err *e);

/* ... never is. */
void relay_drop_calls(struct relay *r);

/* The fn of an attempt's calls.timer. */
void relay_on_calls(struct ev_timer *t);

/* ---- attempt.c ---- */

/* One attempt at r->at->target: with the credential that there is now, or as soon as there is one.
 */
void relay_try(struct relay *r);

/* The fn of an attempt's credential. */
void relay_on_credential(struct cred_wait *w, struct cred *c, const struct err *e);

/* It failed. false: and that is final, *last says how; true: another one is under way. */
bool relay_try_on(struct relay *r, const struct policy_failure *f, struct relay_last *last);

/* What is said of a failure outlives its call: r->last. false: no memory. */
bool relay_keep_last(struct relay *r, const struct relay_last *last);

/* Nobody may be asked now. true: somebody may soon, and is then; false: that is too long. */
bool relay_wait(struct relay *r);

/* The fn of r->again. */
void relay_on_again(struct ev_timer *t);

/* The attempt of this record has failed so, and another one follows: it gets a record of its own,
 * and r->record is ready for the next one. */
void relay_tell_attempt(struct relay *r, struct record *of, const struct relay_refusal *no);

/* ... and another one goes on that was under way beside it. */
void relay_tell_beside(struct relay *r, struct record *of, const char *why);

/* The attempt failed so. A credential that the target does not take (any more), and that was
 * fetched, is fetched anew once, and the target is tried again: what was refused has not been
 * executed. false: it is none of that. */
bool relay_renew(struct relay *r, const struct call_failure *f);

/* ---- hedge.c ---- */

/* An attempt that is under way: its turn it is from now on. Returns its relay. */
struct relay *relay_turn_to(struct relay_attempt *a);

static inline struct relay *relay_of(struct relay_attempt *a)
{
    return a->relay->at == a ? a->relay : relay_turn_to(a);
}

/* The request ends: if two are under way its record is of the first one. */
static inline void relay_turn_to_first(struct relay *r)
{
    if (r->beside)
        UNUSED(relay_of(&r->first));
}

/* The request's first attempt begins: who is asked beside it is, as soon as it is slow. */
void relay_watch_slow(struct relay *r);

/* The fn of r->slow. */
void relay_on_slow(struct ev_timer *t);

/* The attempt answers: the one beside it has lost, and is cancelled. */
void relay_answers(struct relay *r);

/* The attempt has failed so, and another one beside it goes on. false: there is none, or what it
 * has failed of is final. */
bool relay_goes_on_beside(struct relay *r, const struct policy_failure *f, struct relay_last *last);

/* The one beside, if there is one, is over with its request. */
void relay_end_beside(struct relay *r);

/* Is it the second of two attempts that run? What it fails of harms nobody. */
bool relay_is_spare(const struct relay *r);

/* Whom the first attempt could be hedged onto, as the plan has it: of the candidates, a bit each.
 */
uint32_t relay_hedges_onto(const struct relay *r);

/* What becomes of the request if its first target, which is found, is slow. */
struct relay_hedged {
    bool wanted;            /* its model hedges */
    const char *why, *text; /* it is not, in a word and a sentence; NULL: it is ... */
    ev_us after_us;
    size_t at; /* ... then, onto that way */
};
void relay_look_hedge(struct relay *r, struct relay_hedged *ret);

/* The place of what is known of a model's hedges, by a hash of its name. */
struct board_standing *relay_hedge_place(const struct relay *r);

/* ---- request.c ---- */

/* Fill in *no. Always false. param: where in the request it is; may be NULL. */
bool relay_no(struct relay_refusal *no, uint16_t status, enum reason reason, const char *text,
              const char *hint);
bool relay_no_at(struct relay_refusal *no, uint16_t status, enum reason reason, const char *param,
                 const char *text, const char *hint);

/* s into a member of a record that has room for cap bytes; cut there, always with a NUL. */
void relay_keep(char *out, size_t cap, struct span s);

/* What the path says: operation, dialect. false: *no says why not. */
bool relay_read_path(struct relay *r, struct relay_refusal *no);

/* ... and the rest of the head: whose request it is, and whether it can be read. Likewise. */
bool relay_read_head(struct relay *r, const struct net_addr *peer, struct relay_refusal *no);

/* r->reader has refused the body: why, with the place in it, into no->text and no->param. */
void relay_body_fault(struct relay *r, struct relay_refusal *no);

/* A member of the query, with or without the "$" that Google's own may have; absent: it is not
 * there. */
struct span relay_query_get(struct relay *r, const char *want);

/* The model that GET /v1/models/NAME names, into r->plan. */
bool relay_find_model(struct relay *r, struct span *ret_name, struct relay_refusal *no);

/* The body is whole: model, target, patches. */
bool relay_find_target(struct relay *r, struct relay_refusal *no);

/* Readers of a dialect that are ready to be copied. */
const struct dialect_ready *relay_ready(const struct relay *r, const struct dialect *d);

/* Fill in what an attempt needs. The conf borrows from r. */
MUST_CHECK int relay_call_conf(struct relay *r, struct call_conf *conf, struct err *e);

/* ---- trial.c ---- */

/* The snapshot in use knows who has come: by which one is the request served? */
void relay_draw_side(struct relay *r, const struct net_addr *peer);

/* The request fails so, before anything of an answer has reached the client: it begins again with
 * the snapshot in use, if that is another one. false: it is not, nothing is changed. */
bool relay_go_back(struct relay *r, const struct relay_refusal *no);

/* A target is asked: the answer is waited for. The fn of r->silent. */
void relay_watch_silence(struct relay *r);
void relay_on_silent(struct ev_timer *t);

/* The request has ended; its record says how. */
void relay_trial_over(struct relay *r);

/* How targets stand, to this request. A fault of the new configuration is none of the old one's
 * targets, though they have the same names. */
static inline struct board_standing *relay_standings(const struct relay *r)
{
    return r->side == RELAY_NEW ? r->env->sink.trial->standings : r->env->standings;
}

/* ---- translated.c ---- */

/* Has a target of another dialect an operation that can serve the request? */
bool relay_can_translate(const struct relay *r, const struct settings_target *t);

/* ... of any dialect: one by which it would go on from the beginning of an answer? */
bool relay_goes_on(const struct relay *r, const struct settings_target *t);

/* Translate the request for r->at->target, which relay_can_translate() said yes of: up_op,
 * up_dialect, up_body, dropped, approximated. Of several operations it is the first that can say
 * the request. false: it cannot be asked, *no says why. Another target may: one of the client's own
 * dialect takes also what the gateway cannot read. */
bool relay_translate(struct relay *r, struct relay_refusal *no);
void relay_translated_fini(struct relay *r);

/* An event of the target or a piece of one: append to out what the client gets. */
MUST_CHECK int relay_translate_event(struct relay *r, struct span raw, enum call_piece piece,
                                     struct buf *out, struct err *e);

/* The stream is complete: send what the client's dialect still has to say of it, its terminal last.
 * Nothing where nothing is translated. */
MUST_CHECK int relay_translate_end(struct relay *r, struct err *e);

/* The target's whole answer in r->at->answer becomes the client's, also as a stream. */
MUST_CHECK int relay_translate_answer(struct relay *r, struct err *e);

/* A body as one piece of memory; the caller frees it. NULL: there is none. */
MUST_CHECK char *relay_flat(struct blob *b, struct err *e);

/* ---- exhausted.c ---- */

/* In place of a refusal: a text that the operator has approved. false: there is none for this one.
 */
bool relay_say_approved(struct relay *r, const struct relay_refusal *no);

/* ---- hosted.c ---- */

/* Does the target have the client's API in a cloud's form? */
bool relay_is_hosted(const struct relay *r);

/* Patch the request to be of that form, in place of all patches. */
MUST_CHECK int relay_host(struct relay *r, struct err *e);

/* ---- patch.c ---- */

/* One more patch of the request. false: no memory, or RELAY_PATCHES_MAX are there. */
MUST_CHECK bool relay_patch(struct relay *r, struct blob_patch p);

/* The body says the model in each request of a batch (dialect_request.models): patch them all, with
 * the JSON string `with`. */
MUST_CHECK int relay_rename_batch(struct relay *r, struct span with, struct err *e);

void relay_free_patches(struct relay *r);

/* Cut thinking that is not the target's out of the body (dialect_request.foreign). */
MUST_CHECK int relay_cut_foreign(struct relay *r, struct err *e);

/* ---- answer.c ---- */

/* Why, in a word: the class of the upstream's failure, or the gateway's reason. */
static inline const char *relay_why(const struct relay_refusal *no)
{
    return no->class_id != CLASS_NONE ? class_row(no->class_id)->name : reason_word(no->reason);
}

/* An answer of our own: whole body of the given type. retry: of an error. */
MUST_CHECK int relay_send_whole(struct relay *r, uint16_t status, struct span type,
                                struct span body, const struct relay_retry *retry, struct err *e);

/* The error answer for a refusal, in the client's dialect. */
MUST_CHECK int relay_send_refusal(struct relay *r, const struct relay_refusal *no, struct err *e);

/* The error event for a refusal, into an answer under way. boundary: no event is half sent. */
MUST_CHECK int relay_send_error_event(struct relay *r, const struct relay_refusal *no,
                                      bool boundary, struct err *e);

/* Of which type the answer is, in place of what the target says. */
void relay_set_type(struct relay *r, struct span type);

/* The head of an answer that comes from the target. */
MUST_CHECK int relay_send_head(struct relay *r, uint64_t body_len, struct err *e);

/* Body bytes, counted. */
MUST_CHECK int relay_send(struct relay *r, struct span bytes, struct err *e);

/* An event or a piece of one, patched where it has to be. */
MUST_CHECK int relay_send_event(struct relay *r, const struct dialect_event *ev, struct span raw,
                                enum call_piece piece, struct err *e);

/* The same into a buffer, where nothing is translated. */
MUST_CHECK int relay_patch_event(const struct relay *r, const struct dialect_event *ev,
                                 struct span raw, struct buf *out, struct err *e);

/* The same as relay_send_event() into r->at->held, before the head is sent. */
MUST_CHECK int relay_hold_event(struct relay *r, const struct dialect_event *ev, struct span raw,
                                struct err *e);

/* GET /. */
MUST_CHECK int relay_send_root(struct relay *r, struct err *e);

/* ---- models.c ---- */

/* Part of the list of models: from models[from] on, up to models[to]. */
struct relay_page {
    size_t from, to;
    bool more; /* there are others, on the side toward which the client goes */
};

/* The page that the query asks for, in the words of the client's dialect. */
bool relay_read_page(struct relay *r, struct relay_page *ret, struct relay_refusal *no);

/* These models, and the one of that name (r->plan is its plan), in the shape of the client's
 * dialect. */
MUST_CHECK int relay_send_models(struct relay *r, const struct relay_page *page, struct err *e);
MUST_CHECK int relay_send_model(struct relay *r, struct span name, struct err *e);

#endif
