/*
 * ups.h - upstreams of the twin that all speak OpenAI's chat, each with something to do; one
 * question to the gateway, and what came of it.
 */
#ifndef TEST_UPS_H
#define TEST_UPS_H

#include "kinds.h"

#define UP(name, port)                                                                             \
    "  " name ": {type: openai-compatible, endpoints: ['http://127.0.0.1:" port "/v1'], private: " \
    "true, timeout: {connect: 1s, first_token: 5s, idle: 5s, total: 60s}}\n"
#define PLAN(more)                                                                                 \
    "version: 1\nproviders:\n" UP("a", "9000") UP("b", "9100")                                     \
        UP("c", "9200") "models:\n  m: {targets: [a/m, b/m]" more                                  \
                        "}\n  all: {targets: [a/m, b/m, c/m]" more "}\n"                           \
                        "  same: {targets: [a/m, a/n, b/m]" more "}\n  alone: {targets: a/m" more  \
                        "}\n"

#define ROLE    EVENT("{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null")
#define WORD(w) EVENT("{\"content\":\"" w "\"},\"finish_reason\":null")
#define END     EVENT("{},\"finish_reason\":\"stop\"") "data: [DONE]\n\n"
#define GOOD    ROLE WORD("good") END
#define WHOLE                                                                                      \
    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{\"index\":0,"     \
    "\"message\":{\"role\":\"assistant\",\"content\":\"good\"},\"finish_reason\":\"stop\"}]}"
#define ERROR "{\"error\":{\"message\":\"it failed\",\"type\":\"it\"}}"

/* A text of which one target says the beginning, and another one the rest. */
#define HEAD_TEXT "Once upon a time there was a lamplighter, "
#define TAIL_TEXT "and he kept all the lamps alight."
#define BEGIN     ROLE WORD("Once upon a time ") WORD("there was ") WORD("a lamplighter, ")
#define REST      ROLE WORD("and he kept ") WORD("all the lamps alight.") END

#define STREAM_HEAD                                                                                \
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
#define WHOLE_HEAD                                                                                 \
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
#define REFUSAL(status, more)                                                                      \
    "HTTP/1.1 " status "\r\ncontent-type: application/json\r\n" more                               \
    "transfer-encoding: chunked\r\n\r\n"

#define STREAM REQUEST("m", "\"stream\":true,")
#define ONCE   REQUEST("m", "")

/* What an upstream does. */
enum does { ANSWERS, REFUSES };

struct up {
    enum does does;
    const char *head, *body;
    size_t cut_at; /* 0: at its end */
    enum twin_end end;
};

extern const struct up up_good, up_good_whole;

/* From now on upstream i does that. */
void ups_set(struct twin *t, size_t i, const struct up *up);

/* What the client has got: of its head as much as fits. */
struct ups_got {
    unsigned status;
    bool clean;
    struct buf body;
    char head[4096];
};

/* One question; g->body is the caller's to free. */
void ups_ask(struct twin *t, struct ups_got *g, const char *body, ev_us limit);
void ups_ask_at(struct twin *t, struct ups_got *g, const char *path, const char *body, ev_us limit);
bool ups_said(const struct ups_got *g, const char *what);

/* The texts of all events of a stream, in order; false: one of them is no chunk. *roles: how often
 * one is said. */
bool ups_read_text(struct span body, struct buf *text, unsigned *roles);
void ups_is_text(const struct ups_got *g, const char *want);

void ups_pass(struct twin *t, ev_us us);

#endif
