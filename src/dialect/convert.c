/*
 * convert.c - see convert.h.
 */
#include "dialect/convert.h"

static const struct convert *const rows[CONVERTS] = {
    &convert_openai_chat,
    &convert_openai_responses,
    &convert_anthropic_messages,
    &convert_gemini_generate,
    /* only targets speak these */
    &convert_bedrock_converse,
    &convert_cohere_chat,
    &convert_ollama_chat,
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

/* ---- losses ---- */

const struct convert_host convert_host_plain = {0};

enum convert_loss convert_loss(const struct convert *to, const struct convert_host *host,
                               enum chat_feature f)
{
    if (host->less & CHAT_BIT(f))
        return LOST;
    return host->more & CHAT_BIT(f) ? CARRIED : to->loss[f].loss;
}

enum chat_feature convert_obstacle(const struct convert *to, const struct convert_host *host,
                                   const struct chat_request *q)
{
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++)
        if (q->has & CHAT_BIT(f) && convert_loss(to, host, f) == LOST &&
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

void convert_dropped(struct buf *out, const struct convert *to, const struct convert_host *host,
                     const struct chat_request *q)
{
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++)
        if (q->has & CHAT_BIT(f) && f != CHAT_HAS_OTHER && convert_loss(to, host, f) == LOST)
            add_name(out, span_str(chat_feature_row(f)->word));
    for (const struct chat_text *t = q->others; t; t = t->next)
        add_name(out, t->s);
}

/* Members of a request that are not written when they are cleared. */
#define MEMBER(f, m)                                                                               \
    {CHAT_HAS_##f, offsetof(struct chat_request, m), sizeof(((struct chat_request *)0)->m)}
static const struct {
    enum chat_feature feature;
    size_t at, n;
} members[] = {
    MEMBER(TOOL_PARALLEL, parallel),
    MEMBER(LOGIT_BIAS, logit_bias),
    MEMBER(LOGPROBS, logprobs),
    MEMBER(LOGPROBS, top_logprobs),
    MEMBER(EFFORT, effort),
    MEMBER(BUDGET, thinking_budget),
    MEMBER(VERBOSITY, verbosity),
    MEMBER(METADATA, metadata),
    MEMBER(USER, user),
    MEMBER(SERVICE_TIER, service_tier),
    MEMBER(SEED, seed),
    MEMBER(PENALTIES, frequency_penalty),
    MEMBER(TOP_P, top_p),
    MEMBER(PENALTIES, presence_penalty),
};

void convert_forget(struct chat_request *q, const struct convert_host *host)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (host->less & CHAT_BIT(members[i].feature))
            memset((char *)q + members[i].at, 0, members[i].n);
    for (struct chat_message *m = q->messages; m; m = m->next) {
        if (m->role == CHAT_ROLE_DEVELOPER && host->less & CHAT_BIT(CHAT_HAS_DEVELOPER))
            m->role = CHAT_ROLE_SYSTEM;
        for (struct chat_part *p = m->parts; p && host->less & CHAT_BIT(CHAT_HAS_REFUSAL);
             p = p->next)
            if (p->kind == CHAT_PART_REFUSAL)
                p->kind = CHAT_PART_TEXT;
    }
}
