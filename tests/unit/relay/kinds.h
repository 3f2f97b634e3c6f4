/*
 * kinds.h - what the tests of the twin ask for and what its upstream streams, one kind a dialect.
 */
#ifndef TEST_KINDS_H
#define TEST_KINDS_H

#include "twin.h"

/* clang-format off: each line of these texts is a line on the wire */
#define CONFIG                                                                                     \
    "version: 1\n"                                                                                 \
    "providers:\n"                                                                                 \
    "  up: {type: openai-compatible, endpoints: ['http://127.0.0.1:9000/v1'], private: true}\n"    \
    "  an: {type: vllm, endpoints: ['http://127.0.0.1:9000']}\n"                                   \
    "models:\n"                                                                                    \
    "  smart: {targets: [up/small], retry: {same_target: 0}}\n"                                    \
    "  small: {targets: [up/small, an/small], retry: {same_target: 0, attempts: 1}}\n"             \
    "  large: {targets: [an/large], retry: {same_target: 0}}\n"

#define EVENT(text)                                                                                \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"small\","               \
    "\"choices\":[{\"index\":0,\"delta\":" text "}]}\n\n"

#define REQUEST(model, more)                                                                       \
    "{\"model\":\"" model "\"," more "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
/* clang-format on */

/* What is asked for, and what the upstream streams. */
struct kind {
    const char *name, *path, *body;
    const char *stream;
    size_t n;
    const char *last; /* stands in the event that completes the answer */
};

#define KINDS 2
extern const struct kind kinds[KINDS];

/* A request of HTTP/1.1 with that body; its bytes live in b. */
struct span kind_request(struct buf *b, const char *path, const char *body);

/* The same with an Idempotency-Key. */
struct span kind_keyed(struct buf *b, const char *path, const char *body, const char *key);

/* The upstream streams all of it, in small pieces. */
struct twin_script kind_script(const struct kind *k);

/* Offset behind the event that completes the answer: from there on it is whole. */
size_t kind_complete_at(const struct kind *k);

/* The end of an answer that was cut there, as the client sees it, must tell the truth. */
void kind_check_truth(const struct kind *k, const struct twin *t, const struct twin_client *c,
                      size_t cut, const char *what);

#endif
