/*
 * convert_embed.h - vectors of texts, asked for in one dialect and made by a target of another.
 *
 * Only texts go across: images and numbers of tokens are one maker's own. How many vectors a text
 * gets, their length and their order are the client's; their numbers pass as they are spelled.
 *
 * Room: dialect. Pure.
 */
#ifndef DIALECT_CONVERT_EMBED_H
#define DIALECT_CONVERT_EMBED_H

#include "codec/json_write.h"
#include "dialect/convert.h"

struct embed_input {
    struct embed_input *next;
    struct span text;
    struct span task, title; /* Google's hints: what the vector is for; absent: none */
};

struct embed_request {
    struct chat_request *notes; /* its arena, and the names of what is left out */
    struct embed_input *inputs;
    size_t inputs_n;        /* at least one */
    struct span dimensions; /* a number; absent: as many as the model has */
    bool base64;            /* the client wants vectors as the base64 of their floats */
    bool one;               /* ... or one alone, and not a list */
    struct err cannot;      /* why no other dialect can be asked; ERR_NONE: it can */
};

struct embed_answer {
    yyjson_val **vectors; /* in the order of the texts: lists of numbers */
    size_t n, given;      /* how many there must be, and have come */
    uint64_t tokens;
    bool counted; /* the target said how many tokens the texts have */
};

/* What a client's side needs is absent where nobody is served in the dialect, what a target's side
 * needs where nobody of another dialect is asked in it. */
struct convert_embed {
    const struct dialect *dialect;
    int (*read_request)(struct embed_request *ret, yyjson_val *root, struct err *e);
    int (*write_answer)(struct json_write *w, const struct embed_answer *a,
                        const struct embed_request *q, struct span model, struct err *e);
    int (*write_request)(struct json_write *w, const struct embed_request *q,
                         const struct convert_to *to, struct err *e);
    int (*read_answer)(struct embed_answer *ret, yyjson_val *root, struct err *e);
};

extern const struct convert_embed convert_openai_embeddings;
extern const struct convert_embed convert_gemini_embed;
extern const struct convert_embed convert_vertex_predict;
extern const struct convert_embed convert_cohere_embed;
extern const struct convert_embed convert_titan_embed;

/* Of that dialect, for who is served in it, and for who is asked in it; NULL: it is not translated
 * so. */
const struct convert_embed *convert_embed_client(const struct dialect *d);
const struct convert_embed *convert_embed_target(const struct dialect *d);

/* Append the request as the target wants it. -1: it cannot be said (*e: which place), or no
 * memory. */
MUST_CHECK int convert_embed_request(const struct convert_embed *target, struct buf *out,
                                     const struct embed_request *q, const struct convert_to *to,
                                     struct err *e);

/* Append the client's answer for the target's. -1: it has not the vectors that were asked for
 * (ERR_PROTOCOL), or no memory. */
MUST_CHECK int convert_embed_answer(const struct convert_embed *client,
                                    const struct convert_embed *target,
                                    const struct embed_request *q, struct span model,
                                    yyjson_val *root, struct buf *out, struct err *e);

/* ---- for the dialects ---- */

/* One more text, at the end of a list whose end is *tail. NULL: no memory. */
MUST_CHECK struct embed_input *convert_embed_input(struct embed_request *q,
                                                   struct embed_input ***tail, struct span text);

/* Only the maker of this dialect can be asked: because of this place. The first one counts. */
void convert_embed_cannot(struct embed_request *q, const struct json_at *at, const char *why);

/* The target, called that in words, makes one vector a request. -1: more are asked for. */
MUST_CHECK int convert_embed_one(const struct embed_request *q, const char *who, struct err *e);

/* The target cannot be told what the vectors are for (task), or the texts' titles: note it. */
MUST_CHECK int convert_embed_no_hints(const struct embed_request *q, bool task, bool title,
                                      struct err *e);

/* The vector of text i stands here. -1: it is none, or not of a text that was sent. */
MUST_CHECK int convert_embed_vector(struct embed_answer *a, size_t i, yyjson_val *numbers,
                                    const struct json_at *at, struct err *e);

/* Tokens of a text, where they are said. */
void convert_embed_tokens(struct embed_answer *a, yyjson_val *count);

#endif
