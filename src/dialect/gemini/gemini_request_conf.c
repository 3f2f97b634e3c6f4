/*
 * gemini_request_conf.c - reads a Gemini request's generationConfig.
 */
#include "dialect/gemini/gemini_convert.h"

#define Q(member) offsetof(struct chat_request, member)

static int read_stops(const struct convert_value *x)
{
    struct chat_text **tail = &x->q->stops;
    yyjson_arr_iter it;
    yyjson_val *one;

    if (!yyjson_arr_iter_init(x->v, &it))
        return convert_want(x, "a list");
    for (size_t i = 0; (one = yyjson_arr_iter_next(&it)); i++) {
        if (!yyjson_is_str(one))
            return json_wrong(x->e, &JSON_AT_ITEM(x->at, i), "a string is wanted");
        if (chat_add_text(x->q, tail, json_text(one)) < 0)
            return convert_no_memory(x->e);
        tail = &(*tail)->next;
    }
    return 0;
}

static int read_mime(const struct convert_value *x)
{
    static const struct {
        const char *type;
        enum chat_format format;
    } rows[] = {{"application/json", CHAT_FORMAT_OBJECT},
                {"APPLICATION_JSON", CHAT_FORMAT_OBJECT}, /* in a responseFormat */
                {"text/plain", CHAT_FORMAT_TEXT}};

    if (!yyjson_is_str(x->v))
        return convert_want(x, "a string");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_is(json_text(x->v), rows[i].type)) {
            x->q->format = rows[i].format;
            return 0;
        }
    return convert_other(x); /* text/x.enum, audio: nobody else has them */
}

/* Text is what everybody answers; other modalities are nothing that can be asked of others. */
static int read_modalities(const struct convert_value *x)
{
    yyjson_arr_iter it;
    yyjson_val *one;
    bool other = false;

    if (!yyjson_arr_iter_init(x->v, &it))
        return convert_want(x, "a list");
    while ((one = yyjson_arr_iter_next(&it)))
        other = other || !span_eq_nocase(json_text(one), SPAN_LIT("TEXT"));
    return other ? convert_other(x) : 0;
}

/* 0: off; -1: as the model likes, which is what comes without a word. */
static int read_budget(const struct convert_value *x)
{
    struct chat_request *q = x->q;

    if (!json_is_number(x->v))
        return convert_want(x, "a number");
    if (span_is(json_text(x->v), "-1"))
        return convert_other(x);
    if (span_is(json_text(x->v), "0")) {
        q->thinking = CHAT_NO;
        chat_note(q, CHAT_HAS_EFFORT);
        return 0;
    }
    q->thinking = CHAT_YES;
    q->thinking_budget = json_text(x->v);
    chat_note(q, CHAT_HAS_BUDGET);
    return 0;
}

static int read_level(const struct convert_value *x)
{
    static const char *const efforts[] = {"minimal", "low", "medium", "high"};

    for (size_t i = 0; i < ARRAY_LEN(efforts); i++)
        if (span_eq_nocase(json_text(x->v), span_str(efforts[i]))) {
            x->q->effort = span_str(efforts[i]);
            chat_note(x->q, CHAT_HAS_EFFORT);
            return 0;
        }
    if (span_is(json_text(x->v), "THINKING_LEVEL_UNSPECIFIED"))
        return 0;
    return convert_want(x, "MINIMAL, LOW, MEDIUM or HIGH");
}

static int read_thoughts(const struct convert_value *x)
{
    if (!yyjson_is_bool(x->v))
        return convert_want(x, "true or false");
    if (yyjson_is_true(x->v)) {
        x->q->summary = SPAN_LIT("auto");
        chat_note(x->q, CHAT_HAS_THINKING);
    }
    return 0;
}

static const struct convert_key thinking_keys[] = {
    GEMINI_KEY("thinkingBudget", "thinking_budget", read_budget, 0, 0),
    GEMINI_KEY("includeThoughts", "include_thoughts", read_thoughts, 0, 0),
    GEMINI_KEY("thinkingLevel", "thinking_level", read_level, 0, 0),
};

static int read_thinking(const struct convert_value *x)
{
    return convert_object(x->q, x->v, x->at, thinking_keys, ARRAY_LEN(thinking_keys), x->to, x->e);
}

static const struct convert_key text_keys[] = {
    GEMINI_KEY("mimeType", "mime_type", read_mime, 0, 0),
    {"schema", convert_json, Q(format_schema), NOTE(JSON_SCHEMA)},
};

static int read_text(const struct convert_value *x)
{
    return convert_object(x->q, x->v, x->at, text_keys, ARRAY_LEN(text_keys), x->q, x->e);
}

/* Beside text: images, audio, video. */
static const struct convert_key format_keys[] = {{"text", read_text, 0, 0}};

/* Newer than responseMimeType and its schemas: one, or a list. */
static int read_format(const struct convert_value *x)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(x->v);
    yyjson_val *one;

    if (!yyjson_is_arr(x->v))
        return convert_object(x->q, x->v, x->at, format_keys, ARRAY_LEN(format_keys), x->q, x->e);
    for (size_t i = 0; (one = yyjson_arr_iter_next(&it)); i++)
        if (convert_object(x->q, one, &JSON_AT_ITEM(x->at, i), format_keys, ARRAY_LEN(format_keys),
                           x->q, x->e) < 0)
            return -1;
    return 0;
}

static const struct convert_key conf_keys[] = {
    {"temperature", convert_number, Q(temperature), NOTE(TEMPERATURE)},
    GEMINI_KEY("topP", "top_p", convert_number, Q(top_p), NOTE(TOP_P)),
    GEMINI_KEY("topK", "top_k", convert_number, Q(top_k), NOTE(TOP_K)),
    GEMINI_KEY("candidateCount", "candidate_count", convert_number, Q(choices), NOTE(CHOICES)),
    GEMINI_KEY("maxOutputTokens", "max_output_tokens", convert_number, Q(max_tokens),
               NOTE(MAX_TOKENS)),
    GEMINI_KEY("stopSequences", "stop_sequences", read_stops, 0, NOTE(STOP)),
    GEMINI_KEY("responseMimeType", "response_mime_type", read_mime, 0, 0),
    GEMINI_KEY("responseSchema", "response_schema", gemini_read_schema, Q(format_schema),
               NOTE(JSON_SCHEMA)),
    GEMINI_KEY("responseJsonSchema", "response_json_schema", convert_json, Q(format_schema),
               NOTE(JSON_SCHEMA)),
    GEMINI_KEY("responseFormat", "response_format", read_format, 0, 0),
    {"_responseJsonSchema", convert_json, Q(format_schema), NOTE(JSON_SCHEMA)},
    GEMINI_KEY("presencePenalty", "presence_penalty", convert_number, Q(presence_penalty),
               NOTE(PENALTIES)),
    GEMINI_KEY("frequencyPenalty", "frequency_penalty", convert_number, Q(frequency_penalty),
               NOTE(PENALTIES)),
    {"seed", convert_number, Q(seed), NOTE(SEED)},
    GEMINI_KEY("responseLogprobs", "response_logprobs", convert_bool, Q(logprobs), NOTE(LOGPROBS)),
    {"logprobs", convert_number, Q(top_logprobs), NOTE(LOGPROBS)},
    GEMINI_KEY("thinkingConfig", "thinking_config", read_thinking, 0, 0),
    GEMINI_KEY("responseModalities", "response_modalities", read_modalities, 0, 0),
};

int gemini_read_conf(const struct convert_value *x)
{
    return convert_object(x->q, x->v, x->at, conf_keys, ARRAY_LEN(conf_keys), x->q, x->e);
}
