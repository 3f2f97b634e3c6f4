/*
 * answer.h - what is sent back: status, headers, and a list of events that are computed one at
 * a time from their number. An answer that is no stream has one event, its body.
 *
 * Everything is a pure function of (request, behaviour, event number): the engine may ask for
 * any event, twice or in another order, which is how half of the faults are made.
 *
 * Room: mock. Threads: one loop.
 */
#ifndef MOCK_ANSWER_H
#define MOCK_ANSWER_H

#include "mock/facts.h"
#include "mock/how.h"
#include "mock/piece.h"
#include "mock/replay.h"

#define MOCK_TOKENS_DEFAULT 12
#define MOCK_CREATED        1767225600 /* the fixed "created" of all answers: 2026-01-01 */

struct mock_answer;

/* How often a step of a plan comes. */
enum mock_times {
    MOCK_ONCE,
    MOCK_EACH_CHOICE,
    MOCK_EACH_TEXT, /* content events, of all choices in turn */
    MOCK_EACH_ARGS, /* parts of a tool's arguments */
    MOCK_IF_USAGE,
    MOCK_IF_DONE,
    MOCK_IF_PING,
};

#define MOCK_CONTENT  1u /* the first step so marked starts the content */
#define MOCK_TERMINAL 2u /* the first step so marked is the terminal marker */

/* One row of a plan: write event number k of this step (k counts from 0 in each step). */
struct mock_step {
    void (*write)(const struct mock_answer *a, uint64_t k, struct mock_piece *p);
    enum mock_times times;
    unsigned marks;
};
#define MOCK_STEPS_MAX 12

struct mock_plan {
    const char *type; /* content-type */
    struct mock_step steps[MOCK_STEPS_MAX];
};

struct mock_error {
    const char *provider, *kind;
    unsigned status;
    const char *headers, *body;
};

struct mock_answer {
    const struct mock_facts *facts;
    const struct mock_how *how;
    uint64_t number; /* of the request, for ids */

    unsigned status;
    const char *type;   /* content-type; "" for none */
    struct buf headers; /* more fields, each with its CRLF */
    bool stream;
    enum mock_framing framing;                /* of the events, for recordings */
    uint64_t events, content_at, terminal_at; /* how many; the first of content; the terminal */

    /* what the writers of events use */
    const struct mock_plan *plan;
    const struct mock_error *error;
    struct span body; /* of a recording or an error */
    char model[MOCK_TARGET_MODEL_MAX], id[MOCK_WORD_MAX];
    struct span text;                     /* literal text; absent: the filling */
    uint64_t text_at, text_n, text_event; /* first byte, bytes, bytes an event */
    uint64_t text_events, choices, args_events;
    bool tool, cut_by_max;
};

/* Plan the answer. All arguments outlive it. -1: *e says what the behaviour asks in vain. */
MUST_CHECK int mock_answer_init(struct mock_answer *a, const struct mock_facts *facts,
                                const struct mock_how *how, const struct mock_replay *replay,
                                uint64_t number, struct err *e);
void mock_answer_fini(struct mock_answer *a);

/* Write event i (< a->events) into the empty piece p. */
void mock_answer_event(const struct mock_answer *a, uint64_t i, struct mock_piece *p);

/* The error of the behaviour (kind=), or the usual one, as an event of this dialect. */
void mock_answer_error_event(const struct mock_answer *a, struct mock_piece *p);
/* An event that no client knows. */
void mock_answer_unknown_event(const struct mock_answer *a, struct mock_piece *p);

/* ---- for the writers ---- */

extern const struct mock_plan mock_chat_text, mock_chat_tool, mock_chat_whole;
extern const struct mock_plan mock_completions_text, mock_completions_whole;
extern const struct mock_plan mock_embeddings, mock_models, mock_health;
extern const struct mock_plan mock_messages_text, mock_messages_tool, mock_messages_whole;
extern const struct mock_plan mock_count_tokens;
extern const struct mock_plan mock_responses_text, mock_responses_tool, mock_responses_whole;
extern const struct mock_plan mock_gemini_text, mock_gemini_whole, mock_gemini_count;
extern const struct mock_plan mock_gemini_embed, mock_gemini_embed_batch, mock_predict;

/* printf after what the piece already has. */
void mock_put(struct mock_piece *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A string in JSON, with its quotes. */
void mock_put_quoted(struct mock_piece *p, struct span s);
/* The vector of input i, as a list of numbers. */
void mock_put_vector(const struct mock_answer *a, struct mock_piece *p, uint64_t i);
/* Text of the answer, [at, at + n), without quotes. */
void mock_put_text(const struct mock_answer *a, struct mock_piece *p, uint64_t at, uint64_t n);
void mock_put_all_text(const struct mock_answer *a, struct mock_piece *p);
/* Content event k of one choice. */
void mock_put_text_event(const struct mock_answer *a, struct mock_piece *p, uint64_t k);
/* Part k of the tool's arguments, without quotes. */
void mock_put_args(const struct mock_answer *a, struct mock_piece *p, uint64_t k);
/* Tokens that the answer has generated. */
uint64_t mock_tokens(const struct mock_answer *a);
/* The stop reason: as the behaviour says, or one of these three. */
const char *mock_stop(const struct mock_answer *a, const char *end, const char *length,
                      const char *tool);
/* One SSE event around what `data` has been written: first the one, then the other. */
void mock_sse_open(const struct mock_answer *a, struct mock_piece *p, const char *event);
void mock_sse_close(const struct mock_answer *a, struct mock_piece *p);

/* ---- the table of errors (errors.c) ---- */

/* The row with these, each of which may be "" or 0 for any. With a kind, a row of `provider` is
 * preferred but another's will do. NULL: none. */
const struct mock_error *mock_error_find(const char *provider, const char *kind, unsigned status);
void mock_errors_manual(struct buf *out);
const char *mock_reason(unsigned status);

#endif
