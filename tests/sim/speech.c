/*
 * speech.c - the dialects, as providers and clients write them. Written once more on purpose: what
 * is tested must not vouch for itself. How clients read them: hear.c.
 */
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
    a->thought_at = a->body.n;
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

static void chat_usage(struct answer *a)
{
    text_f(&a->body, "{\"prompt_tokens\":%llu,\"completion_tokens\":%llu,\"total_tokens\":%llu}",
           a->tokens_in, a->tokens_out, a->tokens_in + a->tokens_out);
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
               "\"choices\":[],\"usage\":",
               a->n, model);
        chat_usage(a);
        text_str(&a->body, "}");
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
    a->thought_at = a->body.n;
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
           "{\"input_tokens\":%llu,\"output_tokens\":1}}}",
           a->n, model, a->tokens_in);
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
           "\"usage\":{\"output_tokens\":%llu}}",
           a->calls ? "tool_use" : "end_turn", a->tokens_out);
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
    if (full)
        text_f(&a->body,
               "{\"input_tokens\":%llu,\"input_tokens_details\":{\"cached_tokens\":0},"
               "\"output_tokens\":%llu,\"output_tokens_details\":{\"reasoning_tokens\":0},"
               "\"total_tokens\":%llu}}",
               a->tokens_in, a->tokens_out, a->tokens_in + a->tokens_out);
    else
        text_str(&a->body, "null}");
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

/* It says with each piece how many it has made. */
static unsigned long long made(const struct answer *a, unsigned to)
{
    return MIN(MAX(a->tokens_out * to / a->words, 3ull), a->tokens_out);
}

static void gemini_chunk(struct answer *a, const char *model, unsigned from, unsigned to, bool last)
{
    text_str(&a->body, "{\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"");
    words_json(a, from, to);
    text_str(&a->body, "\"}],\"role\": \"model\"},");
    if (last)
        text_str(&a->body, "\"finishReason\": \"STOP\",");
    text_f(
        &a->body,
        "\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": %llu,\"candidatesTokenCount\": "
        "%llu,\"totalTokenCount\": %llu},\"modelVersion\": \"%s\",\"responseId\": \"g%u\"}",
        a->tokens_in, made(a, to), a->tokens_in + made(a, to), model, a->n);
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

static void cohere_usage(struct answer *a)
{
    text_f(&a->body,
           "{\"billed_units\":{\"input_tokens\":%llu,\"output_tokens\":%llu},"
           "\"tokens\":{\"input_tokens\":%llu,\"output_tokens\":%llu}}",
           a->tokens_in, a->tokens_out, a->tokens_in, a->tokens_out);
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
    text_str(&a->body, ",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":");
    cohere_usage(a);
    text_str(&a->body, "}}");
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
    if (last)
        text_f(&a->body,
               "\"},\"done_reason\":\"stop\",\"done\":true,\"total_duration\":1,"
               "\"prompt_eval_count\":%llu,\"eval_count\":%llu}\n",
               a->tokens_in, a->tokens_out);
    else
        text_str(&a->body, "\"},\"done\":false}\n");
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
        text_str(&a->body, "\"},\"finish_reason\":\"stop\"}],\"usage\":");
        chat_usage(a);
        text_str(&a->body, "}");
        break;
    case API_MESSAGES:
        text_f(&a->body,
               "{\"id\":\"m%u\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"%s\","
               "\"content\":[{\"type\":\"text\",\"text\":\"",
               a->n, model);
        words_json(a, 0, a->words);
        text_f(&a->body,
               "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":"
               "{\"input_tokens\":%llu,\"output_tokens\":%llu}}",
               a->tokens_in, a->tokens_out);
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
        text_str(&a->body, "\"}]},\"usage\":");
        cohere_usage(a);
        text_str(&a->body, "}");
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
                    const char *model, const char *prompt, unsigned max_tokens)
{
    static const char *const keys[CLIENT_APIS] = {
        "\"max_tokens\":", "\"max_tokens\":", "\"max_output_tokens\":",
        "\"generationConfig\":{\"maxOutputTokens\":"};
    char more[80];
    int n =
        snprintf(more, sizeof(more), "%s", stream && api != API_GEMINI ? "\"stream\":true," : "");

    MUST((size_t)api < CLIENT_APIS);
    if (api == API_MESSAGES && !max_tokens)
        max_tokens = 99;
    if (max_tokens)
        UNUSED(snprintf(more + n, sizeof(more) - (size_t)n, "%s%u%s,", keys[api], max_tokens,
                        api == API_GEMINI ? "}" : ""));

    switch (api) {
    case API_CHAT:
        text_str(path, "/v1/chat/completions");
        text_f(body, "{\"model\":\"%s\",%s\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}",
               model, more, prompt);
        break;
    case API_MESSAGES:
        text_str(path, "/v1/messages");
        text_f(body,
               "{\"model\":\"%s\",%s\"messages\":[{\"role\":\"user\","
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
        text_f(body, "{%s\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"%s\"}]}]}", more,
               prompt);
        break;
    case API_COHERE:
    case API_OLLAMA:
    case APIS:
        MUST(false);
    }
}
