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
 * may be); APPROXIMATE is said in other words that mean nearly the same. PARTLY: the value, or the
 * target's model, decides between the three, and the writer notes what it did (convert_told). */
enum convert_loss { CARRIED, APPROXIMATE, PARTLY, LOST };

struct convert_loss_row {
    enum chat_feature feature;
    enum convert_loss loss;
    const char *how;  /* APPROXIMATE, PARTLY: what becomes of it; else NULL */
    const char *page; /* where it is not CARRIED: the API page that shows that it cannot be said */
};

/* ---- requests ---- */

/* What ids or names a target takes: so many bytes of letters, digits, '_' and '-', and of `more`.
 * Others are mapped (convert_read.h). */
struct convert_charset {
    size_t max;
    size_t exact;      /* it has to be so long, and of letters and digits alone; 0: see max */
    const char *more;  /* further characters; NULL: none */
    bool letter_first; /* it has to begin with a letter or '_' */
    bool no_dash;      /* '-' is none of them */
};

/* How a target marks a part of a content as the end of a cached prefix. */
struct convert_cache {
    const char *key;           /* of the part: an object, whose */
    const char *kind, *word;   /* ... member of that name says this word */
    bool ttl;                  /* ... and which may say how long, in Anthropic's words */
    const char *const *models; /* globs of the models that take it, NULL-terminated */
};

/* How a host that speaks a dialect differs from what all who speak it have: a column of the
 * provider's row. */
struct convert_host {
    chat_set less; /* features that it does not know: LOST, whatever the dialect's table says */
    chat_set more; /* features that it knows beyond the dialect: CARRIED */
    const struct convert_charset *call_ids; /* what calls' ids may be; NULL: as the dialect */
    const char *seed;                       /* the key of the seed; NULL: as the dialect */
    const char *thinking; /* openai.chat: the key of an earlier turn's thinking; NULL: none */
    bool thinking_items;  /* openai.chat: it is an item of the content */
    bool document_urls;   /* openai.chat: documents are items with an URL, data: too */
    bool own_schemas;     /* openai.chat: not OpenAI's rules decide which schemas it holds to */
    const char *prefill;  /* openai.chat: the key of a message that the answer goes on from; NULL:
                           * it needs none */
    bool final_message;   /* openai.chat: whether it does is said of the request, as vLLM does */
    bool text_files;      /* openai.responses: documents of text are files with a name */
    bool vertex;          /* gemini.generate: it is Google's cloud, and not the API of Gemini */
    const struct convert_cache *cache; /* openai.chat, openai.responses; NULL: it takes no marks */
};

/* What a writer did beyond its loss table, for this value or this model. */
struct convert_told {
    chat_set dropped, approximated;
    bool unsaid; /* of an answer: there was something in it that no event says */
};

/* What the target is called and can take, beyond its dialect. */
struct convert_to {
    struct span model; /* the upstream's name */
    bool stream;
    bool ask_usage;          /* the row counts the tokens of a stream only on request */
    enum chat_signer signer; /* whose signatures the target can read; others are left out */
    bool old_max_tokens; /* openai.chat: the row knows max_tokens, and not max_completion_tokens */
    uint64_t max_tokens; /* for dialects that must have one: used where the client gave none */
    const struct convert_host *host; /* NULL: as the dialect's maker; translate.c sets it */
    bool count;         /* no answer is asked for, only how many tokens the prompt has */
    const char *hosted; /* anthropic.messages: a cloud has it, the body says this version and names
                         * no model; NULL: the API is Anthropic's own */
    bool hosted_stream; /* ... and yet says that the answer is a stream */
    struct convert_told *told; /* where the writer notes; NULL: nobody asks */
};

static inline void convert_drops(const struct convert_to *to, enum chat_feature f)
{
    if (to->told)
        to->told->dropped |= CHAT_BIT(f);
}

static inline void convert_approximates(const struct convert_to *to, enum chat_feature f)
{
    if (to->told)
        to->told->approximated |= CHAT_BIT(f);
}

/* Signed thinking, and signed texts and calls, that the target cannot read: noted as dropped. */
void convert_note_signatures(const struct convert_to *to, const struct chat_request *q);

/* Tools that the client's API alone would have held to their schemas without a word: noted as
 * dropped. */
void convert_note_strict(const struct convert_to *to, const struct chat_request *q);

/* What becomes of effort and budget in a dialect that has only words for them: `word` is the one
 * that was written, absent if none was. */
void convert_note_effort(const struct convert_to *to, const struct chat_request *q,
                         struct span word);

/* Does the target take marks of cached prefixes? */
bool convert_takes_cache(const struct convert_to *to);

/* What becomes of the marks in a request, so many of which were written: a host that takes them
 * for some models finds prefixes by itself for the others. */
void convert_note_cache(const struct convert_to *to, const struct chat_request *q, size_t written);

/* A queue of the provider, in OpenAI's words and in those of a dialect. */
struct convert_tier {
    const char *word;
    const char *wire; /* NULL: it is what holds without a word */
    bool nearly;
};

/* The row of the tier that a request names; NULL: it names none, or, which is noted, the dialect
 * has no word for it. */
const struct convert_tier *convert_tier(const struct convert_to *to, struct span word,
                                        const struct convert_tier *rows, size_t rows_n);

/* OpenAI's own, in both of its dialects. */
#define OPENAI_TIERS ((size_t)6)
extern const struct convert_tier openai_tiers[OPENAI_TIERS];

/* ---- answers ---- */

#define CONVERT_ID ((size_t)128)

/* Where the client's stream stands, in a dialect that numbers its events, names what they speak of
 * and says all of it again in the end: what its writer has to know to go on with a stream that
 * another target has begun, beyond what chat events say. */
struct convert_stand {
    bool lost; /* it cannot be told, so nobody goes on */
    char id[CONVERT_ID];
    uint64_t created, sequence; /* sequence: of the next event */
    struct buf items;           /* those that are done: JSON, commas between */
    char item[CONVERT_ID];      /* the id of the one that has the open text, ... */
    uint64_t output, content;   /* ... and its place, and the text's in it */
};

/* Between a target's answer and chat events. `own` is the dialect's, of reader_bytes, cleared. */
struct convert_reader {
    const struct convert *c;
    void *own;
    struct arena *arena; /* of the attempt: what has to be kept, bounded */
    struct chat_sink sink;
    struct convert_told *told;   /* where it notes what the answer holds and no event can say */
    struct convert_stand *stand; /* ... and where it stands, if the client gets it as it is; NULL:
                                  * that is of no matter */
};

static inline void convert_unsaid(const struct convert_reader *r)
{
    if (r->told)
        r->told->unsaid = true;
}

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
    uint64_t sequence; /* of the next event, where the dialect numbers them */
    bool list;         /* the events are items of one JSON list, not SSE (Gemini without alt=sse) */
};

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

    /* A block that says that another model goes on from here, if the dialect has one. Nothing is
     * open. */
    int (*write_join)(struct convert_writer *w, struct span from, struct span to, struct err *e);

    /* Can a client be told of this citation? */
    bool (*cites)(yyjson_val *citation);

    /* Where it says PREFILL PARTLY: does this model go on from a beginning of its answer? */
    bool (*goes_on)(struct span model);

    /* Its streams can be gone on with by this writer whoever has written their beginning. Where
     * something in them is numbered or named that chat events do not say, stand() is what it has
     * written, and go_on() brings a new one there, with the text that is open and its index. */
    bool joins;
    void (*stand)(const struct convert_writer *w, struct convert_stand *ret);
    int (*go_on)(struct convert_writer *w, const struct convert_stand *s, uint32_t index,
                 struct span text, struct err *e);
};

extern const struct convert convert_openai_chat;
extern const struct convert convert_openai_responses;
extern const struct convert convert_anthropic_messages;
extern const struct convert convert_gemini_generate;
extern const struct convert convert_bedrock_converse;
extern const struct convert convert_cohere_chat;
extern const struct convert convert_ollama_chat;

#define CONVERTS 7

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

/* A host that is as its dialect's maker. */
extern const struct convert_host convert_host_plain;

/* How a feature is said to a host. */
enum convert_loss convert_loss(const struct convert *to, const struct convert_host *host,
                               enum chat_feature f);

/* Read a request of this dialect: read_request(), and what holds without a word is as good as not
 * said, in whatever dialect it was. */
MUST_CHECK int convert_read(const struct convert *c, struct chat_request *ret, yyjson_val *root,
                            struct err *e);

/* Does it go on from a beginning of its answer? */
bool convert_goes_on(const struct convert *to, const struct convert_host *host, struct span model);

/* What stands in the way of a request: the first feature that it needs and the target loses;
 * CHAT_FEATURES: nothing. */
enum chat_feature convert_obstacle(const struct convert *to, const struct convert_host *host,
                                   const struct chat_request *q);

/* Names of what was left out, comma-separated: features, then unknown keys by their place. As many
 * whole names as out has room for, and the number of the others: "seed, foo, and 7 more". */
void convert_dropped(struct buf *out, const struct convert *to, const struct convert_host *host,
                     const struct chat_request *q, const struct convert_told *told);

/* Those alone that are unknown keys. */
void convert_others(struct buf *out, const struct chat_request *q);

/* Names of what was said in other words that mean nearly the same. */
void convert_approximated(struct buf *out, const struct convert *to,
                          const struct convert_host *host, const struct chat_request *q,
                          const struct convert_told *told);

/* Take out of the request what the host does not know, as far as it need not be said. What the
 * request had stays noted. */
void convert_forget(struct chat_request *q, const struct convert_host *host);

#endif
