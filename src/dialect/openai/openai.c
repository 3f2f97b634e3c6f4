/*
 * openai.c - see openai.h.
 *
 * When is a stream complete? Judged on 270 recorded streams of 20 hosts and on the hosts' own
 * documents:
 * - Every choice has its finish_reason: complete. [DONE] adds nothing to it, and eight hosts of
 *   the recordings never send it.
 * - [DONE] while a choice that began has no finish_reason though others have: cut.
 * - [DONE], every choice that began is finished, but they are fewer than asked for: complete. A
 *   host that does not know "n" gives one choice.
 * - [DONE], and not one finish_reason: complete only when usage came too. Snowflake never sends
 *   a finish_reason and one recorded OpenRouter answer lost it, both count their tokens at the
 *   end; a proxy that writes [DONE] behind whatever broke off has no usage to report.
 * An empty finish_reason is none. Some finish reasons say that the answer failed: see failures[].
 */
#include "dialect/openai/openai.h"

#include "dialect/choices.h"

/* Finish reasons that are no finish: the provider gave up. */
static const char *const failures[] = {
    "error",                        /* OpenRouter, Mistral */
    "abort",                        /* vLLM, SGLang: the engine dropped the request */
    "network_error",                /* Z.ai: inference broke */
    "insufficient_system_resource", /* DeepSeek: inference broke off */
};

/* ---- choices ---- */

static void read_choice(struct dialect_answer *a, const struct json_hit *h)
{
    if (!choices_hit(a, h))
        return;
    openai_mark(a, OPENAI_SAW_CHOICE);
    if (h->end && a->choice_finished)
        openai_mark(a, OPENAI_SAW_FINISH);
}

static void read_finish(struct dialect_answer *a, const struct json_hit *h)
{
    a->choice_finished = h->type == JSON_STRING && answer_hit_filled(h);
    if (!a->choice_finished)
        return;
    answer_stop(a, h);
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        if (strcmp(a->stop, failures[i]) == 0) {
            openai_mark(a, OPENAI_SAW_ERROR);
            if (!a->ev.error_type[0])
                memcpy(a->ev.error_type, a->stop, sizeof(a->stop));
        }
}

static bool complete(const struct dialect_answer *a)
{
    bool any, open = choices_open(a, &any);

    if (!open && choices_finished(a))
        return true;
    if (!a->done || a->terminal != TERMINAL_DONE || !any)
        return false;
    return !open || (a->finished == 0 && a->usage.seen);
}

/* ---- errors ---- */

static bool is_error(const struct json_hit *h)
{
    switch (h->type) {
    case JSON_STRING:
        return h->len > 2;
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NUMBER:
    case JSON_TRUE:
        return true;
    case JSON_NULL:
    case JSON_FALSE:
        break;
    }
    return false;
}

static void read_error(struct dialect_answer *a, const struct json_hit *h)
{
    if (!is_error(h))
        return;
    openai_mark(a, OPENAI_SAW_ERROR);
    answer_error_text(a, h);
}

/* {"object": "error", "message": ..., "type": ..., "code": ...}: SGLang, older vLLM. What is
 * said at the top fills only what the error object, if there is one, leaves open. */
static void read_top(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->type == JSON_STRING && span_is(h->raw, "error") &&
        (h->id == OPENAI_OBJECT || h->id == OPENAI_TOP_TYPE))
        openai_mark(a, OPENAI_SAW_ERROR);
    else if (h->id == OPENAI_TOP_TYPE && !a->ev.error_type[0])
        answer_error_type(a, h);
    else if (h->id == OPENAI_TOP_CODE && !a->ev.error_code[0])
        answer_error_code(a, h);
    else if (h->id == OPENAI_TOP_MESSAGE && !a->ev.error_text[0])
        answer_error_text(a, h);
}

/* ---- usage ---- */

static void read_usage(struct dialect_answer *a, const struct json_hit *h, uint64_t *count)
{
    if (dialect_hit_u64(h, count) < 0)
        return;
    openai_mark(a, OPENAI_SAW_USAGE);
    a->usage.seen = true;
}

/* The usage is whole: from the host's way of counting to ours. The rows say who needs which. */
static void settle_usage(struct dialect_answer *a)
{
    struct dialect_usage *u = &a->usage;
    uint64_t in = a->input_plain, out = a->output_plain, total = a->tokens_total;

    if (in == 0 && out == 0) /* embeddings of Voyage and Perplexity: nothing but the total */
        in = total;
    else if (total > in && total - in > out) /* thoughts apart, and only the total shows it: xAI,
                                              * which reports them, and Gemini, which does not */
        out = total - in;
    else if (u->reasoning > out) /* thoughts apart: Vercel */
        out += u->reasoning;
    if (u->cache_read > in) /* cached tokens apart, as Anthropic counts them */
        in += u->cache_read;
    u->input = in;
    u->output = out;
    u->cache_write = MIN(u->cache_write, in - u->cache_read); /* OpenRouter: the same twice */
}

/* Which count of the answer a row of the usage is. */
#define COUNT(member) offsetof(struct dialect_answer, member)
static const size_t counts[OPENAI_OWN] = {
    [OPENAI_INPUT] = COUNT(input_plain),
    [OPENAI_OUTPUT] = COUNT(output_plain),
    [OPENAI_CACHE_READ] = COUNT(usage.cache_read),
    [OPENAI_CACHE_WRITE] = COUNT(usage.cache_write),
    [OPENAI_DEEPSEEK_CACHED] = COUNT(usage.cache_read),
    [OPENAI_MISTRAL_CACHED] = COUNT(usage.cache_read),
    [OPENAI_AUDIO_IN] = COUNT(usage.audio_in),
    [OPENAI_REASONING] = COUNT(usage.reasoning),
    [OPENAI_AUDIO_OUT] = COUNT(usage.audio_out),
    [OPENAI_TOTAL] = COUNT(tokens_total),
    [OPENAI_GROQ_INPUT] = COUNT(input_plain),
    [OPENAI_GROQ_OUTPUT] = COUNT(output_plain),
};

/* A row of the usage: the whole of it, or a count. */
static void read_usage_row(struct dialect_answer *a, const struct json_hit *h)
{
    if (counts[h->id]) {
        read_usage(a, h, (uint64_t *)(void *)((char *)a + counts[h->id]));
        return;
    }
    if (h->id == OPENAI_USAGE)
        answer_usage(a, h);
    if (h->end)
        settle_usage(a);
}

/* ---- what the dialects call ---- */

void openai_hit(struct dialect_answer *a, const struct json_hit *h)
{
    switch (h->id) {
    case OPENAI_MODEL:
        answer_model(a, h);
        break;
    case OPENAI_CHOICE:
        read_choice(a, h);
        break;
    case OPENAI_INDEX:
        choices_index(a, h);
        break;
    case OPENAI_FINISH:
        read_finish(a, h);
        break;
    case OPENAI_CHOICE_ERROR:
    case OPENAI_ERROR:
    case OPENAI_GROQ_ERROR:
        read_error(a, h);
        break;
    case OPENAI_ERROR_MESSAGE:
        answer_error_text(a, h);
        break;
    case OPENAI_ERROR_TYPE:
        answer_error_type(a, h);
        break;
    case OPENAI_ERROR_CODE:
        answer_error_code(a, h);
        break;
    case OPENAI_OBJECT:
    case OPENAI_TOP_MESSAGE:
    case OPENAI_TOP_TYPE:
    case OPENAI_TOP_CODE:
        read_top(a, h);
        break;
    case OPENAI_TIER:
        answer_tier(a, TIER_QUEUE, h);
        break;
    case OPENAI_XAI_SOURCES:
        answer_extras(a, h);
        break;
    case OPENAI_ROOT:
        if (h->end && !a->streamed)
            openai_end_event(a);
        break;
    default:
        read_usage_row(a, h);
        break;
    }
}

/* What an event with these marks is; the first row that matches. A finish reason that comes
 * along with content is seen in finished, the content only here. */
static const struct answer_kind kinds[] = {
    {OPENAI_SAW_TOOL, EVENT_TOOL},     {OPENAI_SAW_CONTENT, EVENT_CONTENT},
    {OPENAI_SAW_FINISH, EVENT_FINISH}, {OPENAI_SAW_CHOICE, EVENT_START},
    {OPENAI_SAW_USAGE, EVENT_USAGE},
};

void openai_end_event(struct dialect_answer *a)
{
    if (answer_is_done_mark(a)) {
        a->ev.kind = EVENT_TERMINAL;
        a->done = true;
        return;
    }
    if (a->marks & OPENAI_SAW_ERROR || (a->streamed && span_is(sse_name(&a->sse), "error"))) {
        answer_error(a);
        return;
    }
    answer_no_error(a);
    choices_settle(a);
    a->ev.kind = answer_kind(a, kinds, ARRAY_LEN(kinds));
    a->ev.call = a->ev.kind == EVENT_TOOL;
    a->started |= (a->marks & OPENAI_SAW_CHOICE) != 0;
    a->content |= (a->marks & OPENAI_SAW_CONTENT) != 0;
    a->tool |= (a->marks & OPENAI_SAW_TOOL) != 0;
}

enum dialect_verdict openai_verdict(const struct dialect_answer *a)
{
    return answer_verdict(a, a->streamed ? complete(a) : (a->marks & OPENAI_SAW_BODY) != 0);
}
