/*
 * anthropic.h - what Anthropic's messages and token counts have in common.
 *
 * Room: dialect, private to it.
 */
#ifndef DIALECT_ANTHROPIC_H
#define DIALECT_ANTHROPIC_H

#include "dialect/answer.h"

/* The first rows of every Anthropic watch; rows of a dialect's own follow. */
#define ANTHROPIC_PATHS "", "type", "error", "error.type", "error.message"

enum anthropic_path {
    ANTHROPIC_ROOT,
    ANTHROPIC_TYPE,
    ANTHROPIC_ERROR,
    ANTHROPIC_ERROR_TYPE,
    ANTHROPIC_ERROR_MESSAGE,
    ANTHROPIC_OWN
};

/* Bits of dialect_answer.marks; the dialects' own begin at ANTHROPIC_OWN_MARK. */
enum anthropic_mark { ANTHROPIC_SAW_ERROR = 1 << 0, ANTHROPIC_OWN_MARK = 1 << 1 };

/* A hit of the rows error.* */
void anthropic_error_hit(struct dialect_answer *a, const struct json_hit *h);

static inline void anthropic_mark(struct dialect_answer *a, unsigned mark)
{
    a->marks = (uint16_t)(a->marks | mark);
}

void anthropic_write_error(struct buf *out, const struct dialect_error *e);
void anthropic_write_error_event(struct buf *out, const struct dialect_error *e);

#endif
