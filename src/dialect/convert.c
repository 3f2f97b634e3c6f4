/*
 * convert.c - see convert.h.
 */
#include "dialect/convert.h"

static const struct convert *const rows[CONVERTS] = {
    &convert_openai_chat,     &convert_openai_responses, &convert_anthropic_messages,
    &convert_gemini_generate, &convert_bedrock_converse,
};

const struct convert *convert_row(size_t i)
{
    MUST(i < CONVERTS);
    return rows[i];
}

const struct convert *convert_target(const struct dialect *d)
{
    for (size_t i = 0; i < CONVERTS; i++)
        if (rows[i]->dialect == d)
            return rows[i];
    return NULL;
}

const struct convert *convert_client(const struct dialect *d)
{
    const struct convert *c = convert_target(d);

    return c && convert_serves(c) ? c : NULL;
}

enum chat_feature convert_obstacle(const struct convert *to, const struct chat_request *q)
{
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++)
        if (q->has & CHAT_BIT(f) && to->loss[f].loss == LOST &&
            chat_feature_row(f)->need == CHAT_NEED)
            return f;
    return CHAT_FEATURES;
}

static void add_name(struct buf *out, struct span name)
{
    if (out->n)
        buf_add_str(out, ", ");
    buf_add_span(out, name);
}

void convert_dropped(struct buf *out, const struct convert *to, const struct chat_request *q)
{
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++)
        if (q->has & CHAT_BIT(f) && f != CHAT_HAS_OTHER && to->loss[f].loss == LOST)
            add_name(out, span_str(chat_feature_row(f)->word));
    for (const struct chat_text *t = q->others; t; t = t->next)
        add_name(out, t->s);
}
