/*
 * gemini_request_conf.c - reads what a Gemini request says of the answer: generationConfig.
 */
#include "dialect/gemini/gemini_convert.h"

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

/* Text is what everybody answers. */
static int read_modalities(const struct convert_value *x)
{
    yyjson_arr_iter it;
    yyjson_val *one;
    bool other = false;

    if (!yyjson_arr_iter_init(x->v, &it))
        return convert_want(x, "a list");
    while ((one = yyjson_arr_iter_next(&it)))
        other = other || !span_eq_nocase(json_text(one), SPAN_LIT("TEXT"));
    if (!other)
        return 0;
    x->q->modalities = convert_json_text(x->q, x->v);
    return span_has(x->q->modalities) ? convert_note(x->q, CHAT_HAS_MODALITIES, x->at, x->e)
                                      : convert_no_memory(x->e);
}

/* 0: off; -1: as much as the model likes. */
static int read_budget(const struct convert_value *x)
{
    struct chat_request *q = x->q;

    if (!json_is_number(x->v))
        return convert_want(x, "a number");
    if (span_is(json_text(x->v), "-1") || span_is(json_text(x->v), "0")) {
        q->thinking = span_is(json_text(x->v), "0") ? CHAT_NO : CHAT_YES;
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

#define Q(member) offsetof(struct chat_request, member)

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
    GEMINI_KEY("responseFormat", "response_format", read_format, 0, 0),
    GEMINI_KEY("mediaResolution", "media_resolution", convert_ignore, 0, 0), /* see gemini_look() */
};

int gemini_read_conf(const struct convert_value *x)
{
    return convert_object(x->q, x->v, x->at, conf_keys, ARRAY_LEN(conf_keys), x->q, x->e);
}

/* ---- how closely images are looked at ---- */

/* In OpenAI's words; NULL: they have none for it. */
static const struct {
    struct span word;
    const char *detail;
} resolutions[] = {
    {SPAN_LIT("MEDIA_RESOLUTION_LOW"), "low"},
    {SPAN_LIT("MEDIA_RESOLUTION_MEDIUM"), NULL},
    {SPAN_LIT("MEDIA_RESOLUTION_HIGH"), "high"},
    {SPAN_LIT("MEDIA_RESOLUTION_ULTRA_HIGH"), "original"},
    {SPAN_LIT("MEDIA_RESOLUTION_UNSPECIFIED"), ""},
};

int gemini_read_resolution(const struct convert_value *x, struct span *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(resolutions); i++) {
        if (!span_eq_nocase(json_text(x->v), resolutions[i].word))
            continue;
        if (!resolutions[i].detail)
            return convert_other(x);
        if (*resolutions[i].detail)
            *ret = span_str(resolutions[i].detail);
        return 0;
    }
    return convert_want(x, "MEDIA_RESOLUTION_LOW, _MEDIUM, _HIGH or _ULTRA_HIGH");
}

int gemini_look(struct chat_request *q, yyjson_val *root, struct err *e)
{
    yyjson_val *conf = gemini_get(root, "generationConfig", "generation_config");
    struct json_at up = JSON_AT_KEY(NULL, "generationConfig");
    struct json_at at = JSON_AT_KEY(&up, "mediaResolution");
    struct convert_value x = {
        .q = q, .v = gemini_get(conf, "mediaResolution", "media_resolution"), .at = &at, .e = e};
    struct span detail = {NULL, 0};
    bool others = false;

    if (!x.v)
        return 0;
    if (gemini_read_resolution(&x, &detail) < 0)
        return -1;
    for (struct chat_message *m = q->messages; m && span_has(detail); m = m->next)
        for (struct chat_part *p = m->parts; p; p = p->next) {
            if (p->kind != CHAT_PART_MEDIA || span_has(p->media.detail))
                continue;
            if (p->media.kind == CHAT_IMAGE) {
                p->media.detail = detail;
                chat_note(q, CHAT_HAS_IMAGE_DETAIL);
            } else {
                others = true;
            }
        }
    return others ? convert_note_other(q, &at, e) : 0;
}
