/*
 * dialect.h - wire formats: what a gateway must know of a request, of an event of an answer, of
 * its end; and how an error is said. One pure file a format; everything else of a body passes
 * through untouched.
 *
 * One reader serves truth, health, usage and (later) translation and continuation: there is no
 * second opinion about what an event means or whether an answer is complete.
 *
 * Room: dialect (uses base codec). Pure: no allocation, fixed state, caller-owned.
 */
#ifndef DIALECT_DIALECT_H
#define DIALECT_DIALECT_H

#include "base/blob.h"
#include "base/buf.h"
#include "codec/json_scan.h"
#include "codec/sse.h"

/* What ends an answer's stream; a column of the provider row. */
enum dialect_terminal {
    TERMINAL_DONE,         /* chat: every choice's finish_reason, then "data: [DONE]"; a stream
                            * whose choices all finished is complete without it */
    TERMINAL_FINISH,       /* chat: every choice's finish_reason; "[DONE]" never comes */
    TERMINAL_MESSAGE_STOP, /* messages: event message_stop. The messages dialect has no other end
                            * and takes no notice of the row */
};

/* ---- requests ---- */

#define DIALECT_MODEL_MAX   128 /* room for a model's name: at most 127 bytes */
#define DIALECT_CHOICES_MAX 128 /* most choices that are told apart; "n" may not ask for more */

/* What routing needs of a request body. Offsets count from the body's first byte. */
struct dialect_request {
    char model[DIALECT_MODEL_MAX];
    uint8_t model_n;
    uint64_t model_at, model_len;   /* the JSON string with its quotes; len 0: no model was given */
    bool wrapped;                   /* gemini.count: a whole request to be counted stands inside */
    uint32_t models;                /* how often else a batch says the model: requests[].model */
    uint64_t stream_at, stream_len; /* its value; len 0: it was not given */
    bool stream;
    bool usage_asked;            /* stream_options.include_usage is true */
    struct blob_patch ask_usage; /* what would make it true; `with` is absent where it is true,
                                  * where stream_options has other members only, and in dialects
                                  * that have no such key */
    uint32_t choices;            /* "n", 1 when absent; completions: times the prompts */
    uint64_t max_tokens;         /* 0 when absent or without limit (negative); the largest when
                                  * two spellings are given */
    bool foreign;                /* it has thinking that the gateway handed out for another API's
                                  * model (foreign.h) ... */
    bool unsigned_thinking;      /* ... or that nobody has signed */
    uint64_t previous;           /* span_hash() of the id of the answer that the provider keeps and
                                  * that is gone on from; 0: none */
};

/* Reads a request body fed in pieces. Below 2 KiB; private but for req, why and place. */
struct dialect_request_reader {
    const struct dialect *d;
    struct dialect_request req;
    struct json_scan scan;
    uint32_t seen;    /* bit i: path i of the dialect's table has been seen */
    uint32_t prompts; /* elements of a prompt that is a list of prompts */
    bool bad;
    char why[160];     /* after BAD: one sentence for the client */
    const char *place; /* the field that it is about; NULL: none is known */
};

void dialect_request_begin(struct dialect_request_reader *r, const struct dialect *d);
/* -1: the body is not acceptable (not JSON, too deep, a key that the gateway reads comes twice or
 * with escapes, model is not a string or too long, ...); r->why says it with the byte offset. */
MUST_CHECK int dialect_request_feed(struct dialect_request_reader *r, const char *p, size_t n);
MUST_CHECK int dialect_request_end(struct dialect_request_reader *r);

/* Behind a refusal: is it the JSON that is broken, and at which byte? Only then r->why, which has
 * not seen the whole text, does not name the field. */
bool dialect_request_broken(const struct dialect_request_reader *r, uint64_t *ret_at);

/* ---- answers ---- */

/* Tokens as the provider reported them; absent ones stay 0. The two sums exclude nothing, whatever
 * the dialect's own way of counting is; all others are parts of one of them. */
struct dialect_usage {
    uint64_t input;
    uint64_t cache_read, cache_write, cache_write_1h; /* the last: of cache_write, what is kept for
                                                       * an hour */
    uint64_t audio_in, audio_cached;                  /* the last: of audio_in and of cache_read */
    uint64_t output;
    uint64_t reasoning, audio_out;
    bool seen;
    uint8_t tiers; /* bits of enum dialect_tier: how it was served, where not as list prices say */
    bool extras;   /* more than these tokens is billed: searches, code that was run, images */
};

/* What of an answer may be served, and billed, in another way than usual. */
enum dialect_tier { TIER_QUEUE = 1 << 0, TIER_SPEED = 1 << 1, TIER_PLACE = 1 << 2 };

enum dialect_kind {
    EVENT_OPAQUE,    /* unknown: passed on, means nothing to us */
    EVENT_KEEPALIVE, /* comment or ping */
    EVENT_START,     /* role, message_start, an empty first delta: no content yet */
    EVENT_CONTENT,   /* text, thinking, refusal or audio for the reader */
    EVENT_TOOL,      /* a tool call or a piece of its arguments, or a signature */
    EVENT_FINISH,    /* a choice has its finish reason / the message its stop reason */
    EVENT_USAGE,     /* only usage */
    EVENT_TERMINAL,  /* [DONE], message_stop */
    EVENT_ERROR,     /* the provider says that it failed */
    EVENT_BAD,       /* not what the dialect allows: a break */
};

/* One event, understood. Spans and offsets are valid in the callback only. */
struct dialect_event {
    enum dialect_kind kind;
    uint32_t index;               /* choice or content block */
    bool call;                    /* EVENT_TOOL: a call of the client's tools begins or goes on that
                                   * may come in pieces; where pieces say less than that, it begins */
    bool ends;                    /* EVENT_OPAQUE: a part of the answer ends; text, if it was one */
    uint64_t next;                /* the number that the next event has, in dialects that number
                                   * them; 0: this event has none */
    bool again;                   /* it has the number of the last one, in an answer that has
                                   * counted its events so far: if it is the same to the byte, it
                                   * has come twice; else it is bad. (One that such an answer has
                                   * left out, or that comes late, is EVENT_BAD.) */
    uint64_t model_at, model_len; /* the model's JSON string with quotes, as offset into the raw
                                   * event; len 0: not in this event */
    uint64_t null_usage_at;       /* offset of the null of a "usage": null at the event's root, as
                                   * providers that were asked for usage write it; 0: none */
    char error_type[64];          /* EVENT_ERROR: type as the provider said it (cut), or its code
                                   * when it gave no type */
    char error_code[64];          /* EVENT_ERROR: code as the provider said it (cut), or "" */
    char error_text[200];         /* EVENT_ERROR: its message (cut); EVENT_BAD: why */
    uint16_t error_status;        /* EVENT_ERROR: a status if the event carries one, else 0 */
};

/* Choices by index, a bit each: those that were seen, and those with a finish reason. */
struct dialect_choices {
    uint64_t seen[DIALECT_CHOICES_MAX / 64], finished[DIALECT_CHOICES_MAX / 64];
};

/* The state of reading one answer, streamed or whole. Fixed size, no pointers to the heap. */
struct dialect_answer {
    const struct dialect *d;
    enum dialect_terminal terminal;
    uint32_t choices;            /* how many must finish */
    uint32_t finished;           /* how many have */
    struct dialect_choices all;  /* which choices events have spoken of */
    bool started, content, tool; /* an event of this kind, or of a later one, has come */
    bool done;                   /* the terminal event has come; a whole answer: its last brace */
    bool error, bad;
    bool streamed;
    char model[DIALECT_MODEL_MAX]; /* as the upstream reported it */
    uint8_t model_n;
    char stop[32]; /* last finish or stop reason, "" before */
    struct dialect_usage usage;
    uint64_t kept;     /* span_hash() of its id, in dialects whose answers the provider keeps */
    uint64_t events;   /* events completed */
    uint64_t sequence; /* the number that the next event has, in dialects that number them; errors
                        * and what is BAD do not count: they are not handed on */
    uint64_t counted;  /* so many events, up to the last, had each the number behind another's */

    /* The event being built, private until it is handed out. Of a whole answer, ev.model_at is
     * the offset in the body, and the error members tell what an error in it said. */
    struct dialect_event ev;
    uint64_t ev_began; /* stream offset of its first byte */
    struct sse sse;
    struct json_scan scan;
    uint64_t scan_began; /* stream offset of the scan's offset 0 on the current line */
    char first[8];       /* first payload bytes, to know "[DONE]" */
    uint8_t first_n;
    bool scanning, ended;       /* a JSON scan runs; the next byte begins a new event */
    uint16_t marks;             /* what the event has shown, in bits of the dialect's own */
    uint32_t choice;            /* the choice that the scan is inside of ... */
    bool choice_finished;       /* ... and whether it has a finish reason */
    struct dialect_choices now; /* the choices of this event */
    uint64_t input_plain;       /* input tokens where the dialect counts cached ones apart ... */
    uint64_t input_tools;       /* ... or those that tools have added */
    uint64_t output_plain;      /* output tokens where it may count those of thinking apart ... */
    uint64_t tokens_total;      /* ... and then says so with its sum of all */
    uint64_t of_kind;           /* tokens of one kind of input or output ... */
    bool audio;                 /* ... and whether that kind is audio */
};

/* Start reading an answer. streamed: SSE, else one JSON document. choices: from the request. */
void dialect_answer_begin(struct dialect_answer *a, const struct dialect *d,
                          enum dialect_terminal terminal, uint32_t choices, bool streamed);

enum dialect_step {
    STEP_MORE,  /* all bytes taken; an event may be under way */
    STEP_EVENT, /* an event ended after *used bytes: a->ev. Advance and call again */
};

/* Take a step into a streamed answer. Never fails: what is wrong is an event of kind EVENT_BAD,
 * handed out at the byte that is wrong (after which nothing more is read; *used may be 0, for a
 * line's end is judged when the next line is seen to go on with the event). Events behind the
 * terminal one are EVENT_OPAQUE and change nothing. The bytes of an event are those taken since
 * the last STEP_EVENT. */
MUST_CHECK enum dialect_step dialect_answer_next(struct dialect_answer *a, const char *p, size_t n,
                                                 size_t *used);

/* The bytes of a whole event that are its member "usage": null and the comma that goes with it.
 * Empty: it has none, or spells it in a way that is better left alone. */
struct span dialect_null_usage(const struct dialect_event *ev, struct span raw);

/* Is the stream between two events? (Then an error event may follow as it stands; else the
 * bytes under way must be ended first.) */
bool dialect_answer_at_boundary(const struct dialect_answer *a);

/* Feed a whole answer (not streamed). -1: it is not JSON; why in a->ev.error_text. */
MUST_CHECK int dialect_answer_feed(struct dialect_answer *a, const char *p, size_t n);

enum dialect_verdict {
    VERDICT_COMPLETE, /* the provider said that the answer is whole */
    VERDICT_CUT,      /* it ended before the provider said so */
    VERDICT_ERROR,    /* the provider said that it failed */
    VERDICT_BAD,      /* it is not of this dialect */
};

/* If the bytes ended here: what is it? A pure function of the state; ask at any time. */
enum dialect_verdict dialect_answer_verdict(const struct dialect_answer *a);

/* One short sentence for the verdict: "ended before message_stop", ... Valid until the next step.
 */
const char *dialect_answer_why(const struct dialect_answer *a);

/* ---- a quick start ---- */

/*
 * Readers of one dialect that have begun and read nothing. Beginning from a copy of them saves
 * sorting the watched paths, which costs as much as reading a short text. Made once, only copied
 * after that.
 */
struct dialect_ready {
    struct dialect_request_reader request;
    struct dialect_answer events, whole;
};

void dialect_ready_init(struct dialect_ready *ret, const struct dialect *d);

/* As dialect_request_begin() and dialect_answer_begin() with the dialect that y was made for. */
void dialect_request_copy(struct dialect_request_reader *r, const struct dialect_ready *y);
void dialect_answer_copy(struct dialect_answer *a, const struct dialect_ready *y,
                         enum dialect_terminal terminal, uint32_t choices, bool streamed);

/* ---- errors toward the client ---- */

struct dialect_error {
    uint16_t status;     /* HTTP status it goes with (in a stream: would have gone with) */
    const char *reason;  /* our reason word, from base/reasons.def */
    struct span message; /* one or two sentences: what happened and where */
    struct span hint;    /* what to do about it; may be absent */
    struct span param;   /* where in the request it is, "messages[0].content"; may be absent */
    struct span request_id;
    struct span target;        /* provider/model, absent when none was asked */
    struct span upstream_type; /* the provider's own type or code, may be absent */
    uint16_t upstream_status;  /* 0: none */
    uint64_t sequence;         /* dialect_answer.sequence of the stream that it ends */
};

/* ---- the formats ---- */

/* Is it what the reader waited for, or the answer's end? Everything before only announces it. */
static inline bool dialect_is_content(enum dialect_kind kind)
{
    return kind == EVENT_CONTENT || kind == EVENT_TOOL || kind == EVENT_FINISH ||
           kind == EVENT_TERMINAL;
}

/* What belongs to requests and to errors is absent where no client is served in the dialect. */
struct dialect {
    const char *name; /* stable: configuration, records, metric labels */
    const struct json_watch *request_watch;
    const struct json_watch *event_watch;
    const struct json_watch *answer_watch;
    const struct dialect_foreign *foreign; /* NULL: its requests have no place for signatures */
    /* One watched value of a request; -1: refuse, why was written. */
    int (*on_request)(struct dialect_request_reader *r, const struct json_hit *h);
    /* One watched value of an event or of a whole answer. */
    void (*on_event)(struct dialect_answer *a, const struct json_hit *h);
    void (*on_answer)(struct dialect_answer *a, const struct json_hit *h);
    /* An event's bytes are whole: settle a->ev.kind. */
    void (*end_event)(struct dialect_answer *a);
    enum dialect_verdict (*verdict)(const struct dialect_answer *a);
    /* Body of an error answer, and of an error
     * event (with its SSE framing). */
    void (*write_error)(struct buf *out, const struct dialect_error *e);
    void (*write_error_event)(struct buf *out, const struct dialect_error *e);
    /* The URL names the model (its path) and may hold the client's key (its query). */
    bool by_url;
    bool lists;            /* a whole answer may be a list of events */
    bool free;             /* nobody bills it: the answer is but a count of tokens */
    const char *keepalive; /* bytes of a keep-alive block of its own, "" if it has none */
    const char *cut;       /* why a stream without its end is cut: "ended before message_stop" */
};

extern const struct dialect dialect_openai_chat;
extern const struct dialect dialect_openai_completions;
extern const struct dialect dialect_openai_embeddings;
extern const struct dialect dialect_openai_responses;
extern const struct dialect dialect_openai_count;
extern const struct dialect dialect_anthropic_messages;
extern const struct dialect dialect_anthropic_count;
extern const struct dialect dialect_gemini_generate;
extern const struct dialect dialect_gemini_count;
extern const struct dialect dialect_gemini_embed;
extern const struct dialect dialect_vertex_predict;
extern const struct dialect dialect_titan_embed;
extern const struct dialect dialect_bedrock_converse;
extern const struct dialect dialect_cohere_chat;
extern const struct dialect dialect_cohere_embed;
extern const struct dialect dialect_ollama_chat;

#define DIALECTS 16

/* Number i of all, i < DIALECTS. */
const struct dialect *dialect_row(size_t i);

/* By name; NULL if there is none. */
const struct dialect *dialect_find(struct span name);

#endif
