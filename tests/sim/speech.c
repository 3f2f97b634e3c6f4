/*
 * speech.c - the dialects, as providers write them and clients read them. Written once more on
 * purpose: what is tested must not vouch for itself.
 */
#include <yyjson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* ---- words ---- */

static const char *const ornaments[] = {
    " plain",
    " \xc3\xbc\xc3\x9f",
    " \"said\"",
    "\nline",
    " \xf0\x9f\x98\x80",
    " back\\slash",
    "\ttab",
    " </p>",
    " data: x",
    " {\"a\":[",
    " \xe2\x80\xa8",
    " [DONE]",
};

/* The k-th word of answer n. No two are alike, and none is the beginning of another. */
static void word(struct text *out, unsigned n, unsigned k, size_t pad)
{
    uint32_t x = n * 1000 + k;

    text_f(out, "<%u.%u>%s", n, k, ornaments[(n * 7 + k * 5) % ARRAY_LEN(ornaments)]);
    for (size_t i = 0; i < pad; i++) { /* no piece of it is like another */
        x = x * 1103515245 + 12345;
        text_add(out, &"abcdefghijklmnopqrstuvwxyz"[(x >> 16) % 26], 1);
    }
}

/* Where the k-th of the pieces of its own text begins. */
static size_t piece_at(const struct answer *a, unsigned k)
{
    size_t at = a->own.n * k / a->words;

    while (at < a->own.n && ((unsigned char)a->own.p[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static void words(struct text *out, const struct answer *a, unsigned from, unsigned to)
{
    for (unsigned k = from; k < to && !a->has_own; k++)
        word(out, a->n, k, a->pad);
    if (a->has_own && from < to)
        text_add(out, a->own.p + piece_at(a, from), piece_at(a, to) - piece_at(a, from));
}

void speech_text(struct text *out, const struct answer *a)
{
    words(out, a, 0, a->words);
}

/* As JSON; with `ascii` what is beyond ASCII is escaped. */
static void escape(struct text *out, const struct text *s, bool ascii)
{
    for (size_t i = 0; i < s->n; i++) {
        unsigned char c = (unsigned char)s->p[i];
        unsigned extra = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        uint32_t rune = extra == 3 ? c & 7 : extra == 2 ? c & 15 : c & 31;

        if (c == '"' || c == '\\') {
            text_f(out, "\\%c", c);
        } else if (c == '\n') {
            text_str(out, "\\n");
        } else if (c < ' ') {
            text_f(out, "\\u%04x", c);
        } else if (extra && ascii) {
            for (unsigned j = 0; j < extra; j++)
                rune = rune << 6 | ((unsigned char)s->p[++i] & 63);
            if (rune >= 0x10000)
                text_f(out, "\\u%04x\\u%04x", 0xd800 + ((rune - 0x10000) >> 10),
                       0xdc00 + ((rune - 0x10000) & 0x3ff));
            else
                text_f(out, "\\u%04x", rune);
        } else {
            text_add(out, (const char *)&c, 1);
        }
    }
}

/* Words from..to of the answer as the inside of a JSON string. */
static void words_json(struct answer *a, unsigned from, unsigned to)
{
    struct text t = {0};

    words(&t, a, from, to);
    escape(&a->body, &t, a->n & 1);
    text_free(&t);
}

/* ---- what providers say ---- */

static void event_end(struct answer *a)
{
    text_str(&a->body, "\n\n");
    a->ends[a->ends_n++] = a->body.n;
}

static void chat_begin(struct answer *a, const char *model)
{
    text_f(&a->body,
           "data: {\"id\":\"c%u\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":"
           "\"%s\",\"choices\":[{\"index\":0,\"delta\":",
           a->n, model);
}

static void chat_thinking(struct answer *a, const char *model)
{
    chat_begin(a, model);
    text_str(&a->body, "{\"reasoning_content\":\"hm\"},\"finish_reason\":null}]}");
    event_end(a);
}

static void chat_call(struct answer *a, const char *model)
{
    static const char *const pieces[] = {
        "\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"" SIM_TOOL
        "\",\"arguments\":\"\"}",
        "\"function\":{\"arguments\":\"{\\\"a\\\":\"}", "\"function\":{\"arguments\":\"1}\"}"};

    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        chat_begin(a, model);
        text_f(&a->body, "{\"tool_calls\":[{\"index\":0,%s}]},\"finish_reason\":null}]}",
               pieces[i]);
        event_end(a);
    }
}

static void chat_event(struct answer *a, const char *model, int k)
{
    chat_begin(a, model);
    if (k == -1) {
        text_str(&a->body, "{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}");
    } else if (k < (int)a->words) {
        text_str(&a->body, "{\"content\":\"");
        words_json(a, (unsigned)k, (unsigned)k + 1);
        text_str(&a->body, "\"},\"finish_reason\":null}]}");
    } else {
        text_f(&a->body, "{},\"finish_reason\":\"%s\"}]}", a->calls ? "tool_calls" : "stop");
    }
    event_end(a);
}

static void chat_stream(struct answer *a, const char *model, struct rng *r)
{
    for (int k = -1; k <= (int)a->words; k++) {
        if (k == 0 && a->thinks != THINKS_NOT)
            chat_thinking(a, model);
        if (k == (int)a->words && a->calls)
            chat_call(a, model);
        chat_event(a, model, k);
        if (k == 0)
            a->content_at = a->body.n;
        if (k == 0 && rng_below(r, 4) == 0)
            text_str(&a->body, ": a comment\n\n");
    }
    a->complete_at = a->body.n;
    if (rng_below(r, 2) == 0) {
        text_f(&a->body,
               "data: {\"id\":\"c%u\",\"object\":\"chat.completion.chunk\",\"model\":\"%s\","
               "\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,"
               "\"total_tokens\":10}}",
               a->n, model);
        event_end(a);
    }
    if (rng_below(r, 4)) {
        text_str(&a->body, "data: [DONE]");
        event_end(a);
    }
}

static void named(struct answer *a, const char *name)
{
    text_f(&a->body, "event: %s\ndata: {\"type\":\"%s\"", name, name);
}

static void block_end(struct answer *a, unsigned block)
{
    named(a, "content_block_stop");
    text_f(&a->body, ",\"index\":%u}", block);
    event_end(a);
}

static void block_delta(struct answer *a, unsigned block, const char *delta)
{
    named(a, "content_block_delta");
    text_f(&a->body, ",\"index\":%u,\"delta\":%s}", block, delta);
    event_end(a);
}

static void messages_thinking(struct answer *a, unsigned block)
{
    named(a, "content_block_start");
    text_f(&a->body,
           ",\"index\":%u,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\","
           "\"signature\":\"\"}}",
           block);
    event_end(a);
    block_delta(a, block, "{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}");
    if (a->thinks == THINKS_SIGNED)
        block_delta(a, block, "{\"type\":\"signature_delta\",\"signature\":\"" SIM_SIGNATURE "\"}");
    block_end(a, block);
}

static void messages_call(struct answer *a, unsigned block)
{
    named(a, "content_block_start");
    text_f(
        &a->body,
        ",\"index\":%u,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"" SIM_TOOL
        "\",\"input\":{}}}",
        block);
    event_end(a);
    block_delta(a, block, "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}");
    block_delta(a, block, "{\"type\":\"input_json_delta\",\"partial_json\":\"1}\"}");
    block_end(a, block);
}

static void messages_stream(struct answer *a, const char *model, struct rng *r)
{
    unsigned block = 0;

    named(a, "message_start");
    text_f(&a->body,
           ",\"message\":{\"id\":\"m%u\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
           "\"%s\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":"
           "{\"input_tokens\":7,\"output_tokens\":1}}}",
           a->n, model);
    event_end(a);
    if (a->thinks != THINKS_NOT)
        messages_thinking(a, block++);
    named(a, "content_block_start");
    text_f(&a->body, ",\"index\":%u,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}", block);
    event_end(a);
    if (rng_below(r, 2) == 0) {
        named(a, "ping");
        text_str(&a->body, "}");
        event_end(a);
    }
    for (unsigned k = 0; k < a->words; k++) {
        named(a, "content_block_delta");
        text_f(&a->body, ",\"index\":%u,\"delta\":{\"type\":\"text_delta\",\"text\":\"", block);
        words_json(a, k, k + 1);
        text_str(&a->body, "\"}}");
        event_end(a);
        if (k == 0)
            a->content_at = a->body.n;
    }
    block_end(a, block);
    if (a->calls)
        messages_call(a, block + 1);
    named(a, "message_delta");
    text_f(&a->body,
           ",\"delta\":{\"stop_reason\":\"%s\",\"stop_sequence\":null},"
           "\"usage\":{\"output_tokens\":3}}",
           a->calls ? "tool_use" : "end_turn");
    event_end(a);
    named(a, "message_stop");
    text_str(&a->body, "}");
    event_end(a);
    a->complete_at = a->body.n;
}

static void response_part(struct answer *a, bool full)
{
    text_str(&a->body, "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"");
    if (full)
        words_json(a, 0, a->words);
    text_str(&a->body, "\"}");
}

static void response_item(struct answer *a, bool full)
{
    text_f(&a->body,
           "{\"id\":\"msg_%u\",\"type\":\"message\",\"status\":\"%s\",\"role\":\"assistant\","
           "\"content\":[",
           a->n, full ? "completed" : "in_progress");
    if (full)
        response_part(a, true);
    text_str(&a->body, "]}");
}

static void response(struct answer *a, const char *model, bool full)
{
    text_f(&a->body,
           "{\"id\":\"resp_%u\",\"object\":\"response\",\"created_at\":1,\"status\":\"%s\","
           "\"error\":null,\"incomplete_details\":null,\"model\":\"%s\",\"output\":[",
           a->n, full ? "completed" : "in_progress", model);
    if (full)
        response_item(a, true);
    text_str(&a->body, "],\"parallel_tool_calls\":true,\"store\":false,\"usage\":");
    text_str(&a->body, full ? "{\"input_tokens\":7,\"input_tokens_details\":{\"cached_tokens\":0},"
                              "\"output_tokens\":3,\"output_tokens_details\":"
                              "{\"reasoning_tokens\":0},\"total_tokens\":10}}"
                            : "null}");
}

static void response_event(struct answer *a, const char *type, unsigned *sequence)
{
    text_f(&a->body, "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%u,", type, type,
           (*sequence)++);
}

static void response_close(struct answer *a)
{
    text_str(&a->body, "}");
    event_end(a);
}

static void response_place(struct answer *a)
{
    text_f(&a->body, "\"item_id\":\"msg_%u\",\"output_index\":0,\"content_index\":0,", a->n);
}

static void responses_begin(struct answer *a, const char *model, unsigned *at)
{
    response_event(a, "response.created", at);
    text_str(&a->body, "\"response\":");
    response(a, model, false);
    response_close(a);
    response_event(a, "response.in_progress", at);
    text_str(&a->body, "\"response\":");
    response(a, model, false);
    response_close(a);
    response_event(a, "response.output_item.added", at);
    text_str(&a->body, "\"output_index\":0,\"item\":");
    response_item(a, false);
    response_close(a);
    response_event(a, "response.content_part.added", at);
    response_place(a);
    text_str(&a->body, "\"part\":");
    response_part(a, false);
    response_close(a);
}

static void responses_stream(struct answer *a, const char *model, struct rng *r)
{
    unsigned at = 0;

    UNUSED(r);
    responses_begin(a, model, &at);
    for (unsigned k = 0; k < a->words; k++) {
        response_event(a, "response.output_text.delta", &at);
        response_place(a);
        text_str(&a->body, "\"delta\":\"");
        words_json(a, k, k + 1);
        text_str(&a->body, "\",\"logprobs\":[]");
        response_close(a);
        if (k == 0)
            a->content_at = a->body.n;
    }
    response_event(a, "response.output_text.done", &at);
    response_place(a);
    text_str(&a->body, "\"text\":\"");
    words_json(a, 0, a->words);
    text_str(&a->body, "\",\"logprobs\":[]");
    response_close(a);
    response_event(a, "response.content_part.done", &at);
    response_place(a);
    text_str(&a->body, "\"part\":");
    response_part(a, true);
    response_close(a);
    response_event(a, "response.output_item.done", &at);
    text_str(&a->body, "\"output_index\":0,\"item\":");
    response_item(a, true);
    response_close(a);
    response_event(a, "response.completed", &at);
    text_str(&a->body, "\"response\":");
    response(a, model, true);
    response_close(a);
    a->complete_at = a->body.n;
}

static void gemini_chunk(struct answer *a, const char *model, unsigned from, unsigned to, bool last)
{
    text_str(&a->body, "{\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"");
    words_json(a, from, to);
    text_str(&a->body, "\"}],\"role\": \"model\"},");
    if (last)
        text_str(&a->body, "\"finishReason\": \"STOP\",");
    text_f(&a->body,
           "\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 7,\"candidatesTokenCount\": "
           "3,\"totalTokenCount\": 10},\"modelVersion\": \"%s\",\"responseId\": \"g%u\"}",
           model, a->n);
}

static void gemini_stream(struct answer *a, const char *model, struct rng *r)
{
    bool apart = rng_below(r, 2) == 0;

    for (unsigned k = 0; k < a->words + apart; k++) {
        bool last = k + 1 == a->words + apart;

        text_str(&a->body, "data: ");
        gemini_chunk(a, model, k, MIN(k + 1, a->words), last);
        event_end(a);
        if (k == 0)
            a->content_at = a->body.n;
    }
    a->complete_at = a->body.n;
}

static void cohere_stream(struct answer *a, const char *model, struct rng *r)
{
    UNUSED(model);
    UNUSED(r);
    text_f(&a->body, "event: message-start\ndata: {\"id\":\"co%u\",\"type\":\"message-start\"",
           a->n);
    text_str(&a->body, ",\"delta\":{\"message\":{\"role\":\"assistant\",\"content\":[],"
                       "\"tool_plan\":\"\",\"tool_calls\":[],\"citations\":[]}}}");
    event_end(a);
    named(a, "content-start");
    text_str(&a->body, ",\"index\":0,\"delta\":{\"message\":{\"content\":{\"type\":\"text\","
                       "\"text\":\"\"}}}}");
    event_end(a);
    for (unsigned k = 0; k < a->words; k++) {
        named(a, "content-delta");
        text_str(&a->body, ",\"index\":0,\"delta\":{\"message\":{\"content\":{\"text\":\"");
        words_json(a, k, k + 1);
        text_str(&a->body, "\"}}}}");
        event_end(a);
        if (k == 0)
            a->content_at = a->body.n;
    }
    named(a, "content-end");
    text_str(&a->body, ",\"index\":0}");
    event_end(a);
    named(a, "message-end");
    text_str(&a->body, ",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{\"billed_units\":"
                       "{\"input_tokens\":7,\"output_tokens\":3},\"tokens\":{\"input_tokens\":7,"
                       "\"output_tokens\":3}}}}");
    event_end(a);
    a->complete_at = a->body.n;
}

static void ollama_line(struct answer *a, const char *model, unsigned from, unsigned to, bool last)
{
    text_f(&a->body,
           "{\"model\":\"%s\",\"created_at\":\"2026-01-01T00:00:00Z\",\"message\":{\"role\":"
           "\"assistant\",\"content\":\"",
           model);
    words_json(a, from, to);
    text_str(&a->body, last ? "\"},\"done_reason\":\"stop\",\"done\":true,\"total_duration\":1,"
                              "\"prompt_eval_count\":7,\"eval_count\":3}\n"
                            : "\"},\"done\":false}\n");
    a->ends[a->ends_n++] = a->body.n;
}

static void ollama_stream(struct answer *a, const char *model, struct rng *r)
{
    UNUSED(r);
    for (unsigned k = 0; k <= a->words; k++) {
        ollama_line(a, model, k, MIN(k + 1, a->words), k == a->words);
        if (k == 0)
            a->content_at = a->body.n;
    }
    a->complete_at = a->body.n;
}

static void whole(struct answer *a, enum api api, const char *model)
{
    switch (api) {
    case API_CHAT:
        text_f(&a->body,
               "{\"id\":\"c%u\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"%s\","
               "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"",
               a->n, model);
        words_json(a, 0, a->words);
        text_str(&a->body, "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,"
                           "\"completion_tokens\":3,\"total_tokens\":10}}");
        break;
    case API_MESSAGES:
        text_f(&a->body,
               "{\"id\":\"m%u\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"%s\","
               "\"content\":[{\"type\":\"text\",\"text\":\"",
               a->n, model);
        words_json(a, 0, a->words);
        text_str(&a->body, "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":"
                           "{\"input_tokens\":7,\"output_tokens\":3}}");
        break;
    case API_RESPONSES:
        response(a, model, true);
        break;
    case API_GEMINI:
        gemini_chunk(a, model, 0, a->words, true);
        break;
    case API_COHERE:
        text_f(&a->body,
               "{\"id\":\"co%u\",\"finish_reason\":\"COMPLETE\",\"message\":{\"role\":"
               "\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"",
               a->n);
        words_json(a, 0, a->words);
        text_str(&a->body, "\"}]},\"usage\":{\"billed_units\":{\"input_tokens\":7,"
                           "\"output_tokens\":3},\"tokens\":{\"input_tokens\":7,"
                           "\"output_tokens\":3}}}");
        break;
    case API_OLLAMA:
        ollama_line(a, model, 0, a->words, true);
        break;
    case APIS:
        break;
    }
    a->ends_n = 0;
    a->ends[a->ends_n++] = a->content_at = a->complete_at = a->body.n;
}

void speech_answer(struct answer *a, enum api api, bool stream, const char *model, struct rng *r)
{
    static void (*const streams[APIS])(struct answer *, const char *, struct rng *) = {
        chat_stream,   messages_stream, responses_stream,
        gemini_stream, cohere_stream,   ollama_stream};

    a->type = !stream             ? "application/json"
              : api == API_OLLAMA ? "application/x-ndjson"
                                  : "text/event-stream";
    if (stream)
        streams[api](a, model, r);
    else
        whole(a, api, model);
}

void speech_error(struct text *out, enum api api, const char *type, const char *code,
                  const char *message)
{
    if (api == API_MESSAGES)
        text_f(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"%s\"}}", type,
               message);
    else if (api == API_GEMINI)
        text_f(out, "{\"error\":{\"code\":500,\"message\":\"%s\",\"status\":\"%s\"}}", message,
               type);
    else if (api == API_COHERE)
        text_f(out, "{\"id\":\"e1\",\"message\":\"%s\"}", message);
    else if (api == API_OLLAMA)
        text_f(out, "{\"error\":\"%s\"}", message);
    else
        text_f(out,
               "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"param\":null,\"code\":%s%s%s}}",
               message, type, code ? "\"" : "", code ? code : "null", code ? "\"" : "");
}

/* ---- what clients ask ---- */

void speech_request(struct text *path, struct text *body, enum api api, bool stream,
                    const char *model, const char *prompt)
{
    const char *more = stream ? "\"stream\":true," : "";

    switch (api) {
    case API_CHAT:
        text_str(path, "/v1/chat/completions");
        text_f(body, "{\"model\":\"%s\",%s\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}",
               model, more, prompt);
        break;
    case API_MESSAGES:
        text_str(path, "/v1/messages");
        text_f(body,
               "{\"model\":\"%s\",%s\"max_tokens\":99,\"messages\":[{\"role\":\"user\","
               "\"content\":\"%s\"}]}",
               model, more, prompt);
        break;
    case API_RESPONSES:
        text_str(path, "/v1/responses");
        text_f(body, "{\"model\":\"%s\",%s\"store\":false,\"input\":\"%s\"}", model, more, prompt);
        break;
    case API_GEMINI:
        text_f(path, "/v1beta/models/%s:%s", model,
               stream ? "streamGenerateContent?alt=sse" : "generateContent");
        text_f(body, "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"%s\"}]}]}", prompt);
        break;
    case API_COHERE:
    case API_OLLAMA:
    case APIS:
        MUST(false);
    }
}

/* ---- what clients hear ---- */

static yyjson_val *at(yyjson_val *v, const char *path)
{
    return v ? yyjson_ptr_get(v, path) : NULL;
}

static void hear_text(struct heard *h, yyjson_val *v)
{
    if (yyjson_is_str(v))
        text_add(&h->text, yyjson_get_str(v), yyjson_get_len(v));
}

/* An answer has one name, and begins once. */
static void hear_id(struct heard *h, yyjson_val *id)
{
    const char *s = yyjson_get_str(id);

    if (!s)
        return;
    if (h->id[0] && strcmp(h->id, s) != 0)
        h->bad = "two answers in one";
    UNUSED(snprintf(h->id, sizeof(h->id), "%s", s));
}

static void hear_begin(struct heard *h)
{
    if (h->begun++)
        h->bad = "it begins twice";
}

static void hear_list(struct heard *h, yyjson_val *list, const char *member)
{
    size_t i, n;
    yyjson_val *v;

    yyjson_arr_foreach(list, i, n, v) if (!yyjson_get_bool(yyjson_obj_get(v, "thought")))
        hear_text(h, yyjson_obj_get(v, member));
}

/* Another target goes on from here. */
static void hear_join(struct heard *h, yyjson_val *joined)
{
    const char *target = yyjson_get_str(yyjson_obj_get(joined, "target"));
    struct heard_join *j = &h->joins[h->joins_n];

    if (!joined)
        return;
    if (!target || h->joins_n == ARRAY_LEN(h->joins)) {
        h->bad = "a join of nobody, or one too many";
        return;
    }
    UNUSED(snprintf(j->target, sizeof(j->target), "%s", target));
    j->at = h->text.n;
    if (yyjson_get_uint(yyjson_obj_get(joined, "at")) != j->at)
        h->bad = "a join at another place than it says";
    h->joins_n++;
}

static void hear_usage(struct heard *h, yyjson_val *usage, const char *in, const char *out)
{
    if (yyjson_is_uint(yyjson_obj_get(usage, in)))
        h->usage_in = yyjson_get_uint(yyjson_obj_get(usage, in));
    if (yyjson_is_uint(yyjson_obj_get(usage, out)))
        h->usage_out = yyjson_get_uint(yyjson_obj_get(usage, out));
}

static void hear_response(struct heard *h, yyjson_val *response, bool repeats)
{
    struct heard all = {0};
    size_t i, n;
    yyjson_val *item, *list = yyjson_obj_get(response, "output");

    h->terminal |= yyjson_equals_str(yyjson_obj_get(response, "status"), "completed") ||
                   yyjson_equals_str(yyjson_obj_get(response, "status"), "incomplete");
    h->error |= yyjson_equals_str(yyjson_obj_get(response, "status"), "failed");
    hear_id(h, yyjson_obj_get(response, "id"));
    hear_usage(h, yyjson_obj_get(response, "usage"), "input_tokens", "output_tokens");
    yyjson_arr_foreach(list, i, n,
                       item) if (yyjson_equals_str(yyjson_obj_get(item, "type"), "message"))
        hear_list(&all, yyjson_obj_get(item, "content"), "text");
    if (!repeats)
        text_add(&h->text, all.text.p ? all.text.p : "", all.text.n);
    else if (h->terminal &&
             (all.text.n != h->text.n || (all.text.n && memcmp(all.text.p, h->text.p, all.text.n))))
        h->bad = "the answer is not the sum of its deltas";
    text_free(&all.text);
}

static void hear_messages_event(struct heard *h, yyjson_val *v)
{
    const char *type = yyjson_get_str(yyjson_obj_get(v, "type"));

    if (!type)
        h->bad = "an event without a type";
    else if (strcmp(type, "content_block_delta") == 0)
        hear_text(h, at(v, "/delta/text"));
    else if (strcmp(type, "message_start") == 0)
        hear_begin(h), hear_usage(h, at(v, "/message/usage"), "input_tokens", "output_tokens");
    else if (strcmp(type, "message_delta") == 0)
        hear_usage(h, yyjson_obj_get(v, "usage"), "input_tokens", "output_tokens");
    else if (strcmp(type, "message_stop") == 0)
        h->terminal = true;
}

/* Events count on, and all of the text is of one message. */
static void hear_place(struct heard *h, yyjson_val *v, const char *type)
{
    const char *item = strstr(type, "output_text")   ? yyjson_get_str(yyjson_obj_get(v, "item_id"))
                       : strstr(type, "output_item") ? yyjson_get_str(at(v, "/item/id"))
                                                     : NULL;

    if (yyjson_get_uint(yyjson_obj_get(v, "sequence_number")) != h->sequence++)
        h->bad = "an event has another number";
    if (!item || strncmp(item, "msg_", 4) != 0)
        return;
    if (h->item[0] && strcmp(h->item, item) != 0)
        h->bad = "two messages in one";
    UNUSED(snprintf(h->item, sizeof(h->item), "%s", item));
}

static void hear_responses_event(struct heard *h, yyjson_val *v)
{
    const char *type = yyjson_get_str(yyjson_obj_get(v, "type"));

    hear_place(h, v, type ? type : "");

    if (!type)
        h->bad = "an event without a type";
    else if (strcmp(type, "response.output_text.delta") == 0)
        hear_text(h, yyjson_obj_get(v, "delta"));
    else if (strcmp(type, "error") == 0)
        h->error = true;
    else if (strcmp(type, "response.created") == 0)
        hear_begin(h), hear_id(h, at(v, "/response/id"));
    else if (strcmp(type, "response.completed") == 0 || strcmp(type, "response.incomplete") == 0 ||
             strcmp(type, "response.failed") == 0)
        hear_response(h, yyjson_obj_get(v, "response"), true);
}

static void hear_value(struct heard *h, enum api api, bool stream, yyjson_val *v)
{
    yyjson_val *error = yyjson_obj_get(v, "error");

    hear_join(h, at(v, "/lamplighter/joined"));
    if (error && !yyjson_is_null(error)) {
        h->error = true;
        return;
    }
    switch (api) {
    case API_CHAT:
        hear_text(h, at(v, stream ? "/choices/0/delta/content" : "/choices/0/message/content"));
        h->terminal |= yyjson_is_str(at(v, "/choices/0/finish_reason"));
        hear_id(h, yyjson_obj_get(v, "id"));
        if (stream && yyjson_is_str(at(v, "/choices/0/delta/role")))
            hear_begin(h);
        break;
    case API_MESSAGES:
        if (stream)
            hear_messages_event(h, v);
        else
            hear_list(h, yyjson_obj_get(v, "content"), "text");
        h->terminal |= !stream && yyjson_is_str(yyjson_obj_get(v, "stop_reason"));
        break;
    case API_RESPONSES:
        if (stream)
            hear_responses_event(h, v);
        else
            hear_response(h, v, false);
        break;
    case API_GEMINI:
        hear_list(h, at(v, "/candidates/0/content/parts"), "text");
        h->terminal |= yyjson_is_str(at(v, "/candidates/0/finishReason"));
        hear_id(h, yyjson_obj_get(v, "responseId"));
        hear_usage(h, yyjson_obj_get(v, "usageMetadata"), "promptTokenCount",
                   "candidatesTokenCount");
        break;
    case API_COHERE:
    case API_OLLAMA:
    case APIS:
        MUST(false);
    }
}

static void hear_json(struct heard *h, enum api api, bool stream, const char *p, size_t n)
{
    yyjson_doc *doc = yyjson_read(p, n, 0);

    if (doc)
        hear_value(h, api, stream, yyjson_doc_get_root(doc));
    else
        h->bad = "it is no JSON";
    yyjson_doc_free(doc);
}

/* The blank line behind an event, as OpenAI and as Google write it; *n: how long it is. */
static const char *event_over(const char *p, const char *end, size_t *n)
{
    const char *lf = memmem(p, (size_t)(end - p), "\n\n", 2);
    const char *crlf = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);

    *n = crlf && (!lf || crlf < lf) ? 4 : 2;
    return *n == 4 ? crlf : lf;
}

/* Lines "data: ..." up to the blank one; what is cut behind the last one is no event. */
void speech_hear(struct heard *h, enum api api, bool stream, const char *body, size_t n)
{
    const char *p = body, *end = body + n, *event;
    size_t blank;

    if (!stream) {
        hear_json(h, api, false, body, n);
        return;
    }
    while (p < end && (event = event_over(p, end, &blank))) {
        const char *data = memmem(p, (size_t)(event - p), "data: ", 6);
        bool is_data = data && (data == p || data[-1] == '\n');

        if (is_data && h->error)
            h->bad = "an event behind an error";
        if (is_data && strncmp(data, "data: [DONE]\n", 13) != 0)
            hear_json(h, api, true, data + 6, (size_t)(event - data - 6));
        p = event + blank;
    }
}
