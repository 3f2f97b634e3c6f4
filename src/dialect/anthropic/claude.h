/*
 * claude.h - what Claude's models take, whoever runs them.
 *
 * How a model thinks, and whether its sampling can be set, has changed with the models and not with
 * a dialect: a table of models says so. A row that is wrong makes the API refuse what it could have
 * left alone, so models that are not known to be Claude's get what the client said.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_CLAUDE_H
#define DIALECT_CLAUDE_H

#include "dialect/convert.h"
#include "codec/json_write.h"

enum claude_thinks { CLAUDE_THINKS_NOT, CLAUDE_THINKS_BUDGET, CLAUDE_THINKS_EFFORT };
enum claude_samples {
    CLAUDE_SAMPLES_NOT,
    CLAUDE_SAMPLES_ONE, /* temperature or top_p */
    CLAUDE_SAMPLES_ALL
};

enum claude_can {
    CLAUDE_GOES_ON = 1 << 0, /* from a beginning of its answer */
    CLAUDE_CALLS = 1 << 1,   /* a tool that it must call */
    CLAUDE_LATER = 1 << 2,   /* system messages where they stand */
};

struct claude_ability {
    const char *models;
    enum claude_thinks thinks;
    const char *off; /* the type of thinking that is none; NULL: it has none */
    enum claude_samples samples;
    unsigned can;
};

/* Of the model of that name, on any platform. */
const struct claude_ability *claude_ability(struct span model);

/* From a beginning of its answer? */
bool claude_goes_on(struct span model);

struct claude_thinking {
    const char *type;   /* NULL: not said */
    uint64_t budget;    /* of type "enabled" */
    const char *effort; /* NULL: not said */
    bool on;
    bool little; /* there should be none, and the model can do no better */
};

/* Does the client say that there shall be no thinking? */
bool claude_shall_not_think(const struct chat_request *q);

/* How a model is asked to think. */
struct claude_thinking claude_think(const struct chat_request *q, const struct claude_ability *can);

/* Note what has become of the words and of the number in what was asked. */
void claude_note_thinking(const struct convert_to *to, const struct chat_request *q,
                          const struct claude_thinking *t);

/* -1: the model refuses what is asked of it (ERR_PROTOCOL). */
MUST_CHECK int claude_takes(const struct chat_request *q, const struct claude_ability *can,
                            struct err *e);

/* Schemas for structured outputs, and for tools that are strict (schema_fit.h). */
extern const struct schema_rules claude_schemas;

#endif
