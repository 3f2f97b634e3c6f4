/*
 * convert.c - see convert.h.
 */
#include "dialect/convert.h"

static const struct convert *const converts[CONVERTS] = {
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
    return converts[i];
}

const struct convert *convert_target(const struct dialect *d)
{
    for (size_t i = 0; i < CONVERTS; i++)
        if (converts[i]->dialect == d)
            return converts[i];
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

bool convert_goes_on(const struct convert *to, const struct convert_host *host, struct span model)
{
    enum convert_loss loss = convert_loss(to, host, CHAT_HAS_PREFILL);

    return loss == CARRIED || (loss == PARTLY && to->goes_on(model));
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

/* A list of names in a buf: as many whole ones as there is room for, and how many there are
 * besides. */
struct names {
    struct buf *out;
    size_t more;
};

#define AND_MORE 20 /* ", and 12345 more" fits */

static void add_name(struct names *l, struct span name)
{
    size_t need = name.n + (l->out->n ? 2 : 0) + AND_MORE;

    if (l->more || l->out->max - l->out->n < need) {
        l->more++;
        return;
    }
    if (l->out->n)
        buf_add_str(l->out, ", ");
    buf_add_span(l->out, name);
}

static void add_set(struct names *l, chat_set set)
{
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++)
        if (set & CHAT_BIT(f))
            add_name(l, span_str(chat_feature_row(f)->word));
}

static void add_others(struct names *l, const struct chat_request *q)
{
    for (const struct chat_text *t = q->others; t; t = t->next)
        add_name(l, t->s);
    l->more += q->others_more;
}

static void end_names(struct names *l)
{
    if (l->more)
        buf_printf(l->out, "%sand %zu more", l->out->n ? ", " : "", l->more);
}

/* What the request holds and the table says so of. */
static chat_set by_table(const struct convert *to, const struct convert_host *host,
                         const struct chat_request *q, enum convert_loss loss)
{
    chat_set set = 0;

    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++)
        if (convert_loss(to, host, f) == loss)
            set |= CHAT_BIT(f);
    return set & q->has;
}

void convert_others(struct buf *out, const struct chat_request *q)
{
    struct names l = {.out = out};

    add_others(&l, q);
    end_names(&l);
}

void convert_dropped(struct buf *out, const struct convert *to, const struct convert_host *host,
                     const struct chat_request *q, const struct convert_told *told)
{
    chat_set unknown = CHAT_BIT(CHAT_HAS_OTHER); /* those have names of their own */
    struct names l = {.out = out};

    add_set(&l, (by_table(to, host, q, LOST) | told->dropped) & ~unknown);
    add_others(&l, q);
    end_names(&l);
}

void convert_approximated(struct buf *out, const struct convert *to,
                          const struct convert_host *host, const struct chat_request *q,
                          const struct convert_told *told)
{
    struct names l = {.out = out};

    add_set(&l, (by_table(to, host, q, APPROXIMATE) | told->approximated) & ~told->dropped);
    end_names(&l);
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
    MEMBER(CACHE_KEY, cache_key),
    MEMBER(CACHE_KEY, cache_retention),
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

/* ---- requests ---- */

static bool any_strict_default(const struct chat_tool *t)
{
    while (t && !t->strict_default)
        t = t->next;
    return t;
}

void convert_note_strict(const struct convert_to *to, const struct chat_request *q)
{
    if (any_strict_default(q->tools))
        convert_drops(to, CHAT_HAS_TOOL_STRICT);
}

/* Clients like to spell out what holds anyway; a target that has no word for it loses nothing. */
static void forget_defaults(struct chat_request *q)
{
    const struct {
        enum chat_feature feature;
        bool said;
    } rows[] = {
        {CHAT_HAS_TOOL_CHOICE, q->choice != CHAT_CHOICE_UNSET && q->choice != CHAT_CHOICE_AUTO},
        {CHAT_HAS_TOOL_PARALLEL, q->parallel == CHAT_NO},
        {CHAT_HAS_TOOL_STRICT, chat_any_strict(q->tools) || any_strict_default(q->tools)},
        {CHAT_HAS_LOGPROBS, q->logprobs == CHAT_YES || span_has(q->top_logprobs)},
        {CHAT_HAS_STOP, q->stops != NULL},
        {CHAT_HAS_CHOICES, !span_is(q->choices, "1")},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!rows[i].said)
            q->has &= ~CHAT_BIT(rows[i].feature);
}

int convert_read(const struct convert *c, struct chat_request *ret, yyjson_val *root, struct err *e)
{
    if (c->read_request(ret, root, e) < 0)
        return -1;
    forget_defaults(ret);
    return 0;
}

const struct convert_tier *convert_tier(const struct convert_to *to, struct span word,
                                        const struct convert_tier *rows, size_t rows_n)
{
    if (!span_has(word))
        return NULL;
    for (size_t i = 0; i < rows_n; i++) {
        if (!span_is(word, rows[i].word))
            continue;
        if (rows[i].nearly)
            convert_approximates(to, CHAT_HAS_SERVICE_TIER);
        return &rows[i];
    }
    convert_drops(to, CHAT_HAS_SERVICE_TIER);
    return NULL;
}

bool convert_takes_cache(const struct convert_to *to)
{
    const struct convert_cache *c = to->host ? to->host->cache : NULL;

    return c && c->models && span_globs(c->models, to->model);
}

void convert_note_cache(const struct convert_to *to, const struct chat_request *q, size_t written)
{
    size_t marks = 0;

    for (const struct chat_tool *t = q->tools; t; t = t->next)
        marks += t->cache;
    for (const struct chat_message *m = q->messages; m; m = m->next)
        for (const struct chat_part *p = m->parts; p; p = p->next)
            marks += p->cache;
    if (marks > written)
        (to->host && to->host->cache ? convert_approximates : convert_drops)(to, CHAT_HAS_CACHE);
}

void convert_note_signatures(const struct convert_to *to, const struct chat_request *q)
{
    for (const struct chat_message *m = q->messages; m; m = m->next)
        for (const struct chat_part *p = m->parts; p; p = p->next)
            if (p->signature.n && p->signer != to->signer)
                convert_drops(to, CHAT_HAS_SIGNATURE);
}

void convert_note_effort(const struct convert_to *to, const struct chat_request *q,
                         struct span word)
{
    if (q->has & CHAT_BIT(CHAT_HAS_EFFORT) && !span_has(word))
        convert_drops(to, CHAT_HAS_EFFORT);
    if (!(q->has & CHAT_BIT(CHAT_HAS_BUDGET)))
        return;
    if (span_has(word) && !span_has(q->effort))
        convert_approximates(to, CHAT_HAS_BUDGET);
    else
        convert_drops(to, CHAT_HAS_BUDGET);
}
