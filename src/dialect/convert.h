/*
 * convert.h - the side of a dialect that translation needs: its requests and answers as the
 * canonical conversation (chat.h), and back.
 *
 *     client's request --read_request--> chat_request --write_request--> the target's
 *     target's events  --read_event--->  chat_event   --write_event--->  the client's
 *     target's answer  --read_answer-->  chat_event   --chat_collect, write_answer--> the client's
 *
 * Nobody here decides whether an answer is complete: dialect_answer_verdict() saw every byte. The
 * writer's end() is called only when it said so, and only end() writes a terminal marker.
 *
 * Room: dialect. Pure.
 */
#ifndef DIALECT_CONVERT_H
#define DIALECT_CONVERT_H

#include "chat/chat.h"
#include "codec/json_tree.h"

/* How a dialect says a feature. What is LOST of a request is left out (chat_need says whether it
 * may be); APPROXIMATE is said in other words that mean nearly the same. */
enum convert_loss { CARRIED, APPROXIMATE, LOST };

struct convert_loss_row {
    enum chat_feature feature;
    enum convert_loss loss;
    const char *how;  /* APPROXIMATE: what becomes of it; else NULL */
    const char *page; /* APPROXIMATE, LOST: the API page that shows that it cannot be said */
};

/* ---- requests ---- */

/* What the target is called and can take, beyond its dialect. */
struct convert_to {
    struct span model; /* the upstream's name */
    bool stream;
    bool ask_usage;          /* the row counts the tokens of a stream only on request */
    enum chat_signer signer; /* whose signatures the target can read; others are left out */
    bool old_max_tokens; /* openai.chat: the row knows max_tokens, and not max_completion_tokens */
    uint64_t max_tokens; /* for dialects that must have one: used where the client gave none */
    bool count;          /* no answer is asked for, only how many tokens the prompt has */
    const char *hosted;  /* anthropic.messages: a cloud has it, the body says this version and names
                          * no model; NULL: the API is Anthropic's own */
    bool hosted_stream;  /* ... and yet says that the answer is a stream */
};

/* ---- answers ---- */

/* Between a target's answer and chat events. `own` is the dialect's, of reader_bytes, cleared. */
struct convert_reader {
    const struct convert *c;
    void *own;
    struct arena *arena; /* of the attempt: what has to be kept, bounded */
    struct chat_sink sink;
};

/* Between chat events and what a client reads. `own` is the dialect's, of writer_bytes, cleared. */
struct convert_writer {
    const struct convert *c;
    void *own;
    struct arena *arena; /* of the request */
    struct buf *out;
    const struct chat_request
        *request;      /* what the client asked: some dialects repeat parts of it */
    struct span model; /* what the client calls the model */
    struct span id;    /* of the answer, if the upstream gives none: the gateway's request id */
    uint64_t created;  /* seconds since 1970, likewise */
    bool list;         /* the events are items of one JSON list, not SSE (Gemini without alt=sse) */
};

struct convert_charset;

/* What writes answers is absent in dialects that only targets speak. */
struct convert {
    const char *name; /* the dialect's: "openai.chat" */
    const struct dialect *dialect;
    enum chat_signer signer;             /* whose signatures its answers carry */
    const struct convert_loss_row *loss; /* CHAT_FEATURES rows, in the order of the features */
    const struct convert_charset *names; /* what tools may be called; NULL: anything. Who relays an
                                          * answer maps their names back (convert_read.h) */

    /* Read a request. -1: it is not acceptable; *e says where and why (ERR_PROTOCOL), or no memory.
     * ret is cleared and has its arena. */
    int (*read_request)(struct chat_request *ret, yyjson_val *root, struct err *e);

    /* Write a request. What the loss table calls LOST, and what chat_need would not let pass, is
     * not in it any more, or is left out here. Check the buf. -1: it cannot be said (*e: which
     * place). */
    int (*write_request)(struct buf *out, const struct chat_request *q, const struct convert_to *to,
                         struct err *e);

    size_t reader_bytes, writer_bytes;

    /* One event of a stream: its name ("" if the format has none) and its data. */
    int (*read_event)(struct convert_reader *r, struct span name, yyjson_val *root, struct err *e);
    /* A whole answer. */
    int (*read_answer)(struct convert_reader *r, yyjson_val *root, struct err *e);

    /* Append what the client's stream says of this event to w->out, framing included; nothing is
     * fine. */
    int (*write_event)(struct convert_writer *w, const struct chat_event *ev, struct err *e);
    /* The answer is complete: what is still due, and the terminal marker. */
    int (*end)(struct convert_writer *w, struct err *e);
    /* A whole answer. */
    int (*write_answer)(struct convert_writer *w, const struct chat_answer *a, struct err *e);
};

extern const struct convert convert_openai_chat;
extern const struct convert convert_openai_responses;
extern const struct convert convert_anthropic_messages;
extern const struct convert convert_gemini_generate;
extern const struct convert convert_bedrock_converse;

#define CONVERTS 5

const struct convert *convert_row(size_t i); /* i < CONVERTS */

/* Of that dialect, for who is served in it, and for who is asked in it; NULL: it is not translated
 * so. */
const struct convert *convert_client(const struct dialect *d);
const struct convert *convert_target(const struct dialect *d);

/* Is anybody served in it? */
static inline bool convert_serves(const struct convert *c)
{
    return c->write_event != NULL;
}

/* ---- what is common to all ---- */

/* What stands in the way of a request: the first feature that it needs and the dialect loses;
 * CHAT_FEATURES: nothing. */
enum chat_feature convert_obstacle(const struct convert *to, const struct chat_request *q);

/* Names of what is left out, comma-separated, into buf: features, then unknown keys by their place.
 */
void convert_dropped(struct buf *out, const struct convert *to, const struct chat_request *q);

#endif
