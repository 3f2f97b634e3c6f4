/*
 * bedrock_converse_fields.c - what single models take that Converse has no words for: fields of the
 * maker's own API, by the model's name.
 */
#include "dialect/anthropic/claude.h"
#include "dialect/bedrock/bedrock_converse_convert.h"

#define NOVA_2 "nova-2"

struct asking {
    struct json_write *w;
    const struct chat_request *q;
    const struct convert_to *to;
    struct span model;
    bool begun;
};

/* Before the first field: an object without any is left out. */
static void begin(struct asking *x)
{
    if (x->begun)
        return;
    json_key(x->w, "additionalModelRequestFields");
    json_begin_object(x->w);
    x->begun = true;
}

/* How hard, in the three words that others than Claude know; NULL: not said. */
static const char *effort_word(const struct chat_request *q)
{
    static const struct {
        const char *word, *wire;
    } rows[] = {
        {"none", NULL},   {"minimal", "low"}, {"low", "low"},  {"medium", "medium"},
        {"high", "high"}, {"xhigh", "high"},  {"max", "high"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_is(q->effort, rows[i].word))
            return rows[i].wire;
    return q->thinking == CHAT_YES ? "medium" : NULL;
}

static void claude_fields(struct asking *x, const struct claude_thinking *t)
{
    claude_note_thinking(x->to, x->q, t);
    if (span_has(x->q->top_k) && !t->on &&
        claude_ability(x->model)->samples != CLAUDE_SAMPLES_NOT) {
        begin(x);
        json_key(x->w, "top_k");
        json_raw(x->w, x->q->top_k);
    } else if (span_has(x->q->top_k)) {
        convert_drops(x->to, CHAT_HAS_TOP_K);
    }
    if (t->type) {
        begin(x);
        json_key(x->w, "thinking");
        json_begin_object(x->w);
        json_kv_cstring(x->w, "type", t->type);
        if (t->budget)
            json_kv_uint(x->w, "budget_tokens", t->budget);
        json_end_object(x->w);
    }
    if (t->effort) {
        begin(x);
        json_key(x->w, "output_config");
        json_begin_object(x->w);
        json_kv_cstring(x->w, "effort", t->effort);
        json_end_object(x->w);
    }
}

/* What became of the words and numbers that guide thinking, where the model has one word for them.
 */
static void note_effort(const struct asking *x, const char *word)
{
    const struct span said = word ? span_str(word) : span_of(NULL, 0);

    convert_note_effort(x->to, x->q, said);
    if (word && span_has(x->q->effort) && !span_eq(x->q->effort, said))
        convert_approximates(x->to, CHAT_HAS_EFFORT);
}

static void write_top_k(struct asking *x)
{
    if (!span_has(x->q->top_k))
        return;
    begin(x);
    json_key(x->w, "inferenceConfig");
    json_begin_object(x->w);
    json_key(x->w, "topK");
    json_raw(x->w, x->q->top_k);
    json_end_object(x->w);
}

static void nova_fields(struct asking *x, const struct claude_thinking *t)
{
    UNUSED(t);
    note_effort(x, NULL);
    write_top_k(x);
}

/* Nova thinks its hardest only without a limit of tokens: a limit that was given stands. */
static const char *nova_2_effort(const struct chat_request *q)
{
    const char *word = effort_word(q);

    return word && strcmp(word, "high") == 0 && span_has(q->max_tokens) ? "medium" : word;
}

/* ... and lets nobody set its sampling then. */
static bool nova_2_samples(const struct chat_request *q)
{
    const char *word = nova_2_effort(q);

    return !word || strcmp(word, "high") != 0;
}

static void nova_2_fields(struct asking *x, const struct claude_thinking *t)
{
    const char *effort = nova_2_effort(x->q);

    UNUSED(t);
    note_effort(x, effort);
    if (nova_2_samples(x->q))
        write_top_k(x);
    else if (span_has(x->q->top_k))
        convert_drops(x->to, CHAT_HAS_TOP_K);
    if (!effort)
        return;
    begin(x);
    json_key(x->w, "reasoningConfig");
    json_begin_object(x->w);
    json_kv_cstring(x->w, "type", "enabled");
    json_kv_cstring(x->w, "maxReasoningEffort", effort);
    json_end_object(x->w);
}

static void gpt_oss_fields(struct asking *x, const struct claude_thinking *t)
{
    const char *effort = effort_word(x->q);

    UNUSED(t);
    note_effort(x, effort);
    if (span_has(x->q->top_k))
        convert_drops(x->to, CHAT_HAS_TOP_K);
    if (!effort)
        return;
    begin(x);
    json_kv_cstring(x->w, "reasoning_effort", effort);
}

/* Of all others nobody says more. */
static void no_fields(struct asking *x, const struct claude_thinking *t)
{
    UNUSED(t);
    note_effort(x, NULL);
    if (span_has(x->q->top_k))
        convert_drops(x->to, CHAT_HAS_TOP_K);
}

bool bedrock_converse_samples(const struct chat_request *q, struct span model)
{
    return !span_contains(model, SPAN_LIT(NOVA_2)) || nova_2_samples(q);
}

void bedrock_converse_write_fields(struct json_write *w, const struct chat_request *q,
                                   const struct convert_to *to, struct span model,
                                   const struct claude_thinking *t)
{
    static const struct {
        const char *models;
        void (*write)(struct asking *x, const struct claude_thinking *t);
    } rows[] = {
        {"*claude*", claude_fields},
        {"*" NOVA_2 "*", nova_2_fields},
        {"*nova-*", nova_fields},
        {"*gpt-oss*", gpt_oss_fields},
        {"*", no_fields},
    };
    struct asking x = {.w = w, .q = q, .to = to, .model = model};
    size_t i = 0;

    while (!span_glob(span_str(rows[i].models), model))
        i++;
    rows[i].write(&x, t);
    if (x.begun)
        json_end_object(w);
}
