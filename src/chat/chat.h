/*
 * chat.h - the conversation that all dialects are translated through: a request as a tree, an
 * answer as a stream of events.
 *
 * Texts are UTF-8 without escapes. What is JSON (arguments, schemas, metadata) is its text, with
 * keys in their order and numbers as they were written. Numbers of the request are the text that
 * the client wrote, so that none is rounded. A span that is absent (p NULL) was not given; an empty
 * one was given empty.
 *
 * A request borrows: its spans point into the tree it was read from, into the arena, or are
 * constants. Who reads it notes in `has` what it holds, and in `others` the keys that it did not
 * know.
 *
 * Room: chat (uses base codec). Pure. Threads: one owner.
 */
#ifndef CHAT_CHAT_H
#define CHAT_CHAT_H

#include "base/arena.h"
#include "base/buf.h"

/* ---- features ---- */

enum chat_feature {
#define X(id, word, need, sentence) CHAT_HAS_##id,
#include "chat/features.def"
#undef X
    CHAT_FEATURES
};

enum chat_need { CHAT_NEED, CHAT_DROP, CHAT_ANSWER };

struct chat_feature_row {
    const char *word, *sentence;
    enum chat_need need;
};

const struct chat_feature_row *chat_feature_row(enum chat_feature f);

/* A set of features. */
typedef uint64_t chat_set;
#define CHAT_BIT(f) (UINT64_C(1) << (f))
_Static_assert(CHAT_FEATURES <= 64, "a set is one word");

/* ---- the parts of a message ---- */

enum chat_kind {
    CHAT_PART_TEXT,
    CHAT_PART_MEDIA,       /* image, document, audio, video */
    CHAT_PART_TOOL_CALL,   /* of an assistant */
    CHAT_PART_TOOL_RESULT, /* of a user or a tool */
    CHAT_PART_THINKING,    /* of an assistant */
    CHAT_PART_REFUSAL,     /* of an assistant */
};

enum chat_media_kind { CHAT_IMAGE, CHAT_DOCUMENT, CHAT_AUDIO_IN, CHAT_VIDEO_IN };
enum chat_source { CHAT_BASE64, CHAT_URL, CHAT_PLAIN, CHAT_FILE };

struct chat_media {
    enum chat_media_kind kind;
    enum chat_source source;
    struct span type;    /* "image/png"; absent: not said */
    struct span data;    /* base64 (not decoded), URL, plain text, or the provider's file id */
    struct span name;    /* file name or title */
    struct span detail;  /* "low", "high", "auto" */
    struct span context; /* of a document: what there is to know of it */
    struct span origin;  /* of a document: where a search has found it */
    bool cite;           /* a document that the answer shall cite */
};

/* Whose word a signature or an encrypted block is: only they can read it again. */
enum chat_signer {
    CHAT_SIGNER_NONE,
    CHAT_SIGNER_ANTHROPIC,
    CHAT_SIGNER_OPENAI,
    CHAT_SIGNER_GEMINI
};

struct chat_part {
    struct chat_part *next;
    enum chat_kind kind;
    struct span text;        /* TEXT, THINKING, REFUSAL; TOOL_CALL with `free`: its input */
    struct chat_media media; /* MEDIA */
    struct span id;   /* TOOL_CALL, TOOL_RESULT: the call's; THINKING: the item's, if it has one */
    struct span name; /* TOOL_CALL: the tool's; TOOL_RESULT: that of its call */
    struct span args; /* TOOL_CALL: JSON text of the arguments */
    bool free;        /* TOOL_CALL, TOOL_RESULT: of a tool with free input */
    bool error;       /* TOOL_RESULT: it failed */
    struct chat_part *parts; /* TOOL_RESULT: what it returned: TEXT and MEDIA */
    struct span signature;   /* THINKING; also TEXT and TOOL_CALL (Gemini) */
    enum chat_signer signer;
    bool redacted;         /* THINKING: nothing but its signature */
    bool cache;            /* a cached prefix ends here ... */
    struct span cache_ttl; /* ... and lives so long: "5m", "1h"; absent: the provider's default */
    struct span citations; /* TEXT: JSON text: the items of an array, without its brackets, as
                            * the dialect they came from has them */
};

enum chat_role { CHAT_ROLE_SYSTEM, CHAT_ROLE_DEVELOPER, CHAT_ROLE_USER, CHAT_ROLE_ASSISTANT };

/* Tool results are parts of a user's message, also where the dialect has a role of its own for
 * them. */
struct chat_message {
    struct chat_message *next;
    enum chat_role role;
    struct span name; /* of the speaker */
    struct chat_part *parts;
};

static inline bool chat_is_system(const struct chat_message *m)
{
    return m->role == CHAT_ROLE_SYSTEM || m->role == CHAT_ROLE_DEVELOPER;
}

/* ---- tools and format ---- */

enum chat_tool_kind { CHAT_TOOL_FUNCTION, CHAT_TOOL_FREE_FORM, CHAT_TOOL_PROVIDER };
enum chat_tri { CHAT_UNSET, CHAT_NO, CHAT_YES };

struct chat_tool {
    struct chat_tool *next;
    enum chat_tool_kind kind;
    struct span name; /* PROVIDER: its type */
    struct span description;
    struct span schema; /* FUNCTION: JSON Schema of the arguments, as JSON text; absent: none */
    struct span raw;    /* FREE_FORM: its format, PROVIDER: all of it; as JSON text */
    enum chat_tri strict;
    bool strict_default; /* the client's API, which was told nothing, would have it strict, if that
                          * can be */
    bool cache;
    struct span cache_ttl;
    struct span space, own; /* the client has it in a namespace, and calls it `own` there; `name` is
                             * both in one, as chat_spaced_name() makes it */
};

enum chat_choice {
    CHAT_CHOICE_UNSET,
    CHAT_CHOICE_AUTO,
    CHAT_CHOICE_NONE,
    CHAT_CHOICE_ANY,
    CHAT_CHOICE_ONE
};
enum chat_format { CHAT_FORMAT_UNSET, CHAT_FORMAT_TEXT, CHAT_FORMAT_OBJECT, CHAT_FORMAT_SCHEMA };

struct chat_text {
    struct chat_text *next;
    struct span s;
};

/* ---- a request ---- */

struct chat_request {
    chat_set has;                      /* what it holds */
    struct span places[CHAT_FEATURES]; /* where, of what may be in the way; absent: not told */
    struct chat_text *others;          /* places of keys that are not known: "messages[0].foo" */
    size_t others_free;                /* of them: that bind the answer to nothing */
    size_t others_more;                /* ... and how many more there are that have no name here */
    struct arena *arena;

    struct span model;
    bool stream;
    bool stream_usage; /* the client wants usage at the end of the stream */
    struct chat_message *messages;
    struct chat_tool *tools;
    enum chat_choice choice;
    struct span choice_name; /* CHAT_CHOICE_ONE */
    enum chat_tri parallel;
    bool functions; /* said as OpenAI's chat did before there were tools: the client knows one call
                     * of an answer, which has no id */
    enum chat_format format;
    struct span format_name, format_description, format_schema;
    enum chat_tri format_strict; /* as OpenAI's clients say it */
    bool held; /* the client's API holds answers, and strict tools, to schemas by its own rules */
    struct chat_text *stops;

    /* Numbers, as they were written. */
    struct span max_tokens, temperature, top_p, top_k, frequency_penalty, presence_penalty, seed;
    struct span choices, top_logprobs, thinking_budget;
    enum chat_tri logprobs;
    enum chat_tri thinking; /* switched on or off */
    struct span effort;     /* "none", "minimal", "low", "medium", "high", "xhigh", "max" */
    struct span summary;    /* of the thinking: "auto", "concise", "detailed" */
    struct span verbosity, user, service_tier;
    struct span logit_bias, metadata;       /* JSON text */
    bool safety;                            /* user: as OpenAI's safety_identifier */
    struct span cache_key, cache_retention; /* as OpenAI has them */
    struct span modalities; /* JSON text of a list, in Google's words; absent: text alone */
    enum chat_tri store;
    struct span previous; /* id of an answer that the provider keeps */
};

/* Add to what is being built, in the arena; NULL: no memory. *tail is where the next one goes. */
struct chat_message *chat_add_message(struct chat_request *q, struct chat_message ***tail,
                                      enum chat_role role);
struct chat_part *chat_add_part(struct chat_request *q, struct chat_part ***tail,
                                enum chat_kind kind);
struct chat_tool *chat_add_tool(struct chat_request *q, struct chat_tool ***tail,
                                enum chat_tool_kind kind);
/* Is any of these tools held to its schema? */
static inline bool chat_any_strict(const struct chat_tool *t)
{
    while (t && t->strict != CHAT_YES)
        t = t->next;
    return t;
}

/* At the end of the list; who adds many passes the place of the last one's `next`. */
int chat_add_text(struct chat_request *q, struct chat_text **list, struct span s);

static inline void chat_note(struct chat_request *q, enum chat_feature f)
{
    q->has |= CHAT_BIT(f);
}

/* "space__own", where a dialect that has no namespaces needs one name. Absent: no memory. */
struct span chat_spaced_name(struct chat_request *q, struct span space, struct span own);

/* ---- an answer ---- */

enum chat_stop {
    CHAT_STOP_NONE,
    CHAT_STOP_END,     /* the model was done */
    CHAT_STOP_LENGTH,  /* max_tokens, or the context is full */
    CHAT_STOP_TEXT,    /* one of the stop texts */
    CHAT_STOP_TOOL,    /* it waits for tool results */
    CHAT_STOP_FILTER,  /* the provider's filter ended it */
    CHAT_STOP_REFUSAL, /* the model would not */
    CHAT_STOP_PAUSE,   /* the provider wants to be asked to go on */
};

/* `input` holds all that the prompt took, cached or not; `output` all that was made, thinking
 * included. */
struct chat_usage {
    uint64_t input, output;
    uint64_t cache_read, cache_write, reasoning;
    uint64_t audio_in, audio_out;
    bool seen;
};

enum chat_event_kind {
    CHAT_EVENT_START,    /* id, model, created: as far as known */
    CHAT_EVENT_PART,     /* a part begins: part, index, and for calls id and name */
    CHAT_EVENT_DELTA,    /* text of the part: of a call, its arguments' JSON text, in pieces */
    CHAT_EVENT_SIGN,     /* signature and signer of the part */
    CHAT_EVENT_CITE,     /* citations of the part: JSON text in `text`, commas between several */
    CHAT_EVENT_LOGPROBS, /* of what was said last: JSON text in `text`, as OpenAI's chat has it */
    CHAT_EVENT_PART_END,
    CHAT_EVENT_FINISH, /* stop, and stop_text if one of the stop texts did it */
    CHAT_EVENT_USAGE,  /* usage, as far as known; a later one replaces it */
};

/* In order, for each choice: START (once for all), parts with what belongs to them, FINISH. Parts
 * of one choice may overlap; each is known by its index. Nothing here says that the answer is
 * complete: that is dialect_answer_verdict()'s to say. Spans live until the next event. */
struct chat_event {
    enum chat_event_kind kind;
    uint32_t choice;
    uint32_t index;      /* of the part, from 0, in the order of their beginning */
    enum chat_kind part; /* of whatever speaks of a part */
    struct span id, name, text;
    struct span model;
    uint64_t created; /* seconds since 1970; 0: not said */
    struct span signature;
    enum chat_signer signer;
    bool redacted, free;
    struct chat_media media; /* PART of kind MEDIA: all of it */
    enum chat_stop stop;
    struct span stop_text;
    struct chat_usage usage;
};

struct chat_sink {
    int (*event)(void *arg, const struct chat_event *ev, struct err *e);
    void *arg;
};

/* ---- an answer as a whole ---- */

#define CHAT_CHOICES_MAX 128 /* most choices of an answer */

struct chat_choice_answer {
    struct chat_part *parts; /* in the order of their beginning */
    enum chat_stop stop;
    struct span stop_text;
    struct span logprobs; /* JSON text: the items of an array, without its brackets; absent: none */
};

struct chat_answer {
    struct span id, model;
    uint64_t created;
    uint32_t choices_n;
    struct chat_choice_answer choices[CHAT_CHOICES_MAX];
    struct chat_usage usage;
};

/* Collects events. Opaque; heap. */
struct chat_collect;

/* bytes_max: most of all texts together. */
MUST_CHECK int chat_collect_new(struct chat_collect **ret, size_t bytes_max, struct err *e);
void chat_collect_free(struct chat_collect **c);

/* The sink that fills it: -1 past bytes_max (ERR_LIMIT) or without memory. */
struct chat_sink chat_collect_sink(struct chat_collect *c);

/* What has been collected; lives as long as the collector. NULL: no memory. */
const struct chat_answer *chat_collect_answer(struct chat_collect *c);

/* Emit a whole answer as events, in order. */
MUST_CHECK int chat_replay(const struct chat_answer *a, struct chat_sink sink, struct err *e);

#endif
