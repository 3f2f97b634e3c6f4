/*
 * openai_request.h - what requests of both of OpenAI's dialects say alike; and what chat had before
 * there were tools.
 *
 * Room: dialect, private to it. Pure.
 */
#ifndef DIALECT_OPENAI_REQUEST_H
#define DIALECT_OPENAI_REQUEST_H

#include "dialect/convert_read.h"

/* Tools that a tool_choice of the type "allowed_tools" leaves out are as good as not there. root:
 * of the request, whose tools have been read. */
MUST_CHECK int openai_hold_to_allowed(struct chat_request *q, yyjson_val *root, struct err *e);

/* Is the one tool that must be called one with free input? */
bool openai_chooses_free(const struct chat_request *q);

/* The end user's id under its old name and its new one, which counts where both are said. */
int openai_read_user(const struct convert_value *x);
int openai_read_safety(const struct convert_value *x);

#define OPENAI_CACHE_KEYS                                                                          \
    {"prompt_cache_key", convert_text, offsetof(struct chat_request, cache_key), NOTE(CACHE_KEY)}, \
    {                                                                                              \
        "prompt_cache_retention", convert_text, offsetof(struct chat_request, cache_retention),    \
            NOTE(CACHE_KEY)                                                                        \
    }

/* ---- what chat had before tools ---- */

int openai_read_functions(const struct convert_value *x);     /* a list -> tools */
int openai_read_function_call(const struct convert_value *x); /* which one -> choice */

#endif
