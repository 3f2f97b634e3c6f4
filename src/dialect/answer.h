/*
 * answer.h - what the dialects' answer readers share.
 *
 * A dialect's on_event() and on_answer() are given every hit of its watch, row 0 (which is the
 * root, "", in all of them) included; answer.c has already refused a root that is no object (or, of
 * a whole answer where the dialect has lists, no array either), and has set done when a whole
 * answer's root closed.
 *
 * Room: dialect, private to it.
 */
#ifndef DIALECT_ANSWER_H
#define DIALECT_ANSWER_H

#include "dialect/dialect.h"
#include "dialect/text.h"

#define ANSWER_DONE "[DONE]"

/* The event's payload is "[DONE]", not JSON. */
static inline bool answer_is_done_mark(const struct dialect_answer *a)
{
    return a->first_n == sizeof(ANSWER_DONE) - 1;
}

/* A string, list or object that is not empty. Of a container only the closing hit tells. */
static inline bool answer_hit_filled(const struct json_hit *h)
{
    return (h->type == JSON_STRING || h->end) && h->len > 2;
}

/* The hit is the name of the model that answers: keep it and its place. */
void answer_model(struct dialect_answer *a, const struct json_hit *h);

/* The hit is the "usage" of the root. */
void answer_usage(struct dialect_answer *a, const struct json_hit *h);

/* The hit says how the answer is served: in which queue, how fast, or where. The last word of each
 * counts, for an answer begins with what was asked for. */
void answer_tier(struct dialect_answer *a, enum dialect_tier tier, const struct json_hit *h);

/* The hit is a number, or a list, of what is billed besides tokens. */
void answer_extras(struct dialect_answer *a, const struct json_hit *h);

/* The hit is the finish or stop reason. */
void answer_stop(struct dialect_answer *a, const struct json_hit *h);

/* The hit is an error's type, code or message. A later one of the same kind replaces it. */
void answer_error_type(struct dialect_answer *a, const struct json_hit *h);
void answer_error_code(struct dialect_answer *a, const struct json_hit *h);
void answer_error_text(struct dialect_answer *a, const struct json_hit *h);

/* The event, or the whole answer, is an error; its type, code and message have been seen as far
 * as it has any. Else: forget what looked like them. */
void answer_error(struct dialect_answer *a);
void answer_no_error(struct dialect_answer *a);

/* The event breaks the dialect: the reason, one short sentence. */
void answer_bad(struct dialect_answer *a, const char *why);

/* The verdict, given whether a stream has come to its end, or a whole answer is of the dialect. */
enum dialect_verdict answer_verdict(const struct dialect_answer *a, bool complete);

/* What an event is that has shown a mark. */
struct answer_kind {
    unsigned mark;
    enum dialect_kind kind;
};

/* By the first row whose mark the event has shown; EVENT_OPAQUE: by none. */
enum dialect_kind answer_kind(const struct dialect_answer *a, const struct answer_kind *rows,
                              size_t n);

#endif
