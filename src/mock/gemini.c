/*
 * gemini.c - generateContent, whole and streamed with alt=sse. There is no [DONE]; the last
 * chunk has the finishReason.
 */
#include "mock/answer.h"

#define TOKENS_EACH 4U /* predict: of each text */

#define ULL(x) ((unsigned long long)(x))

static void put_text_part(const struct mock_answer *a, struct mock_piece *p, uint64_t k, bool all)
{
    mock_put(p, "{\"text\": \"");
    if (all)
        mock_put_all_text(a, p);
    else
        mock_put_text_event(a, p, k);
    mock_put(p, "\"}");
}

static void put_call_part(const struct mock_answer *a, struct mock_piece *p)
{
    mock_put(p, "{\"functionCall\": {\"name\": ");
    mock_put_quoted(p, a->facts->tool);
    mock_put(p, ",\"args\": %.*s}}", SPAN_FMT(a->facts->tool_args));
}

static void open_answer(struct mock_piece *p)
{
    mock_put(p, "{\"candidates\": [{\"content\": {\"parts\": [");
}

static void close_answer(const struct mock_answer *a, struct mock_piece *p, bool last)
{
    uint64_t in = a->facts->prompt_tokens, out = mock_tokens(a);

    mock_put(p, "],\"role\": \"model\"},");
    if (last)
        mock_put(p, "\"finishReason\": \"%s\",", mock_stop(a, "STOP", "MAX_TOKENS", "STOP"));
    mock_put(p, "\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": %llu,", ULL(in));
    if (last)
        mock_put(p, "\"candidatesTokenCount\": %llu,\"totalTokenCount\": %llu},", ULL(out),
                 ULL(in + out));
    else
        mock_put(p, "\"totalTokenCount\": %llu},", ULL(in));
    mock_put(p, "\"modelVersion\": ");
    mock_put_quoted(p, span_str(a->model));
    mock_put(p, ",\"responseId\": \"%s\"}", a->id);
}

static void text(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    mock_sse_open(a, p, NULL);
    open_answer(p);
    if (!a->tool)
        put_text_part(a, p, k / a->choices, false);
    else if (k == 0)
        put_call_part(a, p);
    close_answer(a, p, false);
    mock_sse_close(a, p);
}

static void finish(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_sse_open(a, p, NULL);
    open_answer(p);
    mock_put(p, "{\"text\": \"\"}");
    close_answer(a, p, true);
    mock_sse_close(a, p);
}

static void whole(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    if (a->facts->list)
        mock_put(p, "[");
    open_answer(p);
    if (a->tool)
        put_call_part(a, p);
    else
        put_text_part(a, p, 0, true);
    close_answer(a, p, true);
    mock_put(p, a->facts->list ? "]\n" : "\n");
}

static void count_tokens(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_put(p, "{\"totalTokens\": %llu}\n", ULL(a->facts->prompt_tokens));
}

static void put_tokens(const struct mock_answer *a, struct mock_piece *p)
{
    mock_put(p, ",\n  \"usageMetadata\": {\"promptTokenCount\": %llu}\n}\n",
             ULL(a->facts->prompt_tokens));
}

static void embed(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_put(p, "{\n  \"embedding\": {\"values\": ");
    mock_put_vector(a, p, 0);
    mock_put(p, "}");
    put_tokens(a, p);
}

static void embed_batch(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_put(p, "{\n  \"embeddings\": [");
    for (uint64_t i = 0; i < a->facts->inputs; i++) {
        mock_put(p, "%s{\"values\": ", i ? "," : "");
        mock_put_vector(a, p, i);
        mock_put(p, "}");
    }
    mock_put(p, "]");
    put_tokens(a, p);
}

static void predict(const struct mock_answer *a, uint64_t k, struct mock_piece *p)
{
    UNUSED(k);
    mock_put(p, "{\"predictions\": [");
    for (uint64_t i = 0; i < a->facts->inputs; i++) {
        mock_put(p,
                 "%s{\"embeddings\": {\"statistics\": {\"truncated\": false, "
                 "\"token_count\": %u}, \"values\": ",
                 i ? "," : "", TOKENS_EACH);
        mock_put_vector(a, p, i);
        mock_put(p, "}}");
    }
    mock_put(p, "]}\n");
}

const struct mock_plan mock_gemini_text = {
    "text/event-stream",
    {{text, MOCK_EACH_TEXT, MOCK_CONTENT}, {finish, MOCK_ONCE, MOCK_TERMINAL}},
};
const struct mock_plan mock_gemini_whole = {"application/json; charset=UTF-8",
                                            {{whole, MOCK_ONCE, 0}}};
const struct mock_plan mock_gemini_count = {"application/json; charset=UTF-8",
                                            {{count_tokens, MOCK_ONCE, 0}}};
const struct mock_plan mock_gemini_embed = {"application/json; charset=UTF-8",
                                            {{embed, MOCK_ONCE, 0}}};
const struct mock_plan mock_gemini_embed_batch = {"application/json; charset=UTF-8",
                                                  {{embed_batch, MOCK_ONCE, 0}}};
const struct mock_plan mock_predict = {"application/json; charset=UTF-8",
                                       {{predict, MOCK_ONCE, 0}}};
