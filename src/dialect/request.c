/*
 * request.c - reads what routing needs of a request body: model, stream, how many choices, how
 * much output.
 *
 * Why it refuses more than a JSON parser would: a key that stands twice or hides behind escapes
 * is read one way by us and another way by the provider, and with it goes what the caller may
 * use, what it costs and whether the answer is complete. So the keys that we read must have one
 * plain spelling; all others pass as they are.
 *
 * Invariants: (1) bad only with why; (2) model_len != 0 only when model holds a whole name.
 */
#include "dialect/request.h"

#include <stdarg.h>

#include "dialect/foreign.h"
#include "dialect/text.h"

#define NUMBER_BYTES_MAX 64 /* longest spelling of a number that we read */

enum key {
    ROOT,
    MODEL,
    STREAM,
    MAX_TOKENS,
    MAX_COMPLETION_TOKENS,
    MAX_OUTPUT_TOKENS,
    CHOICES,
    STREAM_OPTIONS,
    INCLUDE_USAGE,
    PROMPT,
    PROMPTS,
    KEYS
};

static const char *const paths[KEYS] = {
    [ROOT] = "",
    [MODEL] = "model",
    [STREAM] = "stream",
    [MAX_TOKENS] = "max_tokens",
    [MAX_COMPLETION_TOKENS] = "max_completion_tokens",
    [MAX_OUTPUT_TOKENS] = "max_output_tokens",
    [CHOICES] = "n",
    [STREAM_OPTIONS] = "stream_options",
    [INCLUDE_USAGE] = "stream_options.include_usage",
    [PROMPT] = "prompt",
    [PROMPTS] = "prompt[]",
};

const struct json_watch dialect_request_model = {paths, MODEL + 1};
const struct json_watch dialect_request_messages = {paths, MAX_TOKENS + 1};
const struct json_watch dialect_request_anthropic_count = {
    (const char *const[]){"", "model", "messages[].content[].signature",
                          "messages[].content[].data"},
    MODEL + 3};
const struct json_watch dialect_request_anthropic = {
    (const char *const[]){"", "model", "stream", "max_tokens", "messages[].content[].signature",
                          "messages[].content[].data"},
    MAX_TOKENS + 3};
const struct json_watch dialect_request_responses = {
    (const char *const[]){"", "model", "stream", "max_tokens", "max_completion_tokens",
                          "max_output_tokens", "previous_response_id", "input[].encrypted_content",
                          "input[].id"},
    MAX_OUTPUT_TOKENS + 4};
const struct json_watch dialect_request_chat = {paths, INCLUDE_USAGE + 1};
const struct json_watch dialect_request_completions = {paths, KEYS};

int request_refuse(struct dialect_request_reader *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(r->why, sizeof(r->why), fmt, ap);
    va_end(ap);
    r->bad = true;
    return -1;
}

static int refuse_value(struct dialect_request_reader *r, const struct json_hit *h,
                        const char *must)
{
    r->place = r->d->request_watch->paths[h->id];
    return request_refuse(r, "\"%s\" must be %s (byte %llu of the body).", r->place, must,
                          (unsigned long long)h->at);
}

static int read_model(struct dialect_request_reader *r, const struct json_hit *h)
{
    struct dialect_request *q = &r->req;
    size_t n;

    if (h->type != JSON_STRING)
        return refuse_value(r, h, "a string");
    /* The spelling counts too: what is longer may have been cut between two feeds. */
    if (h->len - 2 > JSON_SCAN_TEXT)
        return refuse_value(r, h, "at most 127 bytes long");
    n = json_unescape(h->raw, q->model, sizeof(q->model) - 1);
    if (n == SIZE_MAX)
        return refuse_value(r, h, "at most 127 bytes long");
    if (n == 0)
        return refuse_value(r, h, "a model's name, not empty");
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)q->model[i] < 0x20 || q->model[i] == 0x7F)
            return refuse_value(r, h, "free of control characters");
    q->model[n] = '\0';
    q->model_n = (uint8_t)n;
    q->model_at = h->at;
    q->model_len = h->len;
    return 0;
}

static int read_bool(struct dialect_request_reader *r, const struct json_hit *h, bool *ret)
{
    if (h->type != JSON_TRUE && h->type != JSON_FALSE && h->type != JSON_NULL)
        return refuse_value(r, h, "true or false");
    *ret = h->type == JSON_TRUE;
    return 0;
}

int request_tokens(struct dialect_request_reader *r, const struct json_hit *h)
{
    uint64_t v;

    if (h->type == JSON_NULL)
        return 0;
    if (h->type != JSON_NUMBER || h->len > NUMBER_BYTES_MAX)
        return refuse_value(r, h, "a whole number");
    if (h->raw.p[0] == '-') /* engines take -1 as "without limit" */
        return 0;
    if (json_u64(h->raw, &v) < 0)
        return refuse_value(r, h, "a whole number");
    r->req.max_tokens = MAX(r->req.max_tokens, v);
    return 0;
}

int request_choices(struct dialect_request_reader *r, const struct json_hit *h)
{
    uint64_t v;

    if (h->type == JSON_NULL)
        return 0;
    if (h->type != JSON_NUMBER || h->len > NUMBER_BYTES_MAX || json_u64(h->raw, &v) < 0 || v < 1 ||
        v > DIALECT_CHOICES_MAX)
        return refuse_value(r, h, "a whole number from 1 to 128");
    r->req.choices = (uint32_t)v;
    return 0;
}

/* A prompt is a text, a list of token numbers, or a list of such prompts. */
static void count_prompt(struct dialect_request_reader *r, const struct json_hit *h)
{
    if ((h->type == JSON_STRING || h->type == JSON_ARRAY) && r->prompts < UINT32_MAX)
        r->prompts++;
}

/* ---- thinking of others ---- */

const struct dialect_foreign anthropic_foreign = {
    .watch = &(const struct json_watch){(const char *const[]){"messages[]", "messages[].content[]",
                                                              "messages[].content[].signature",
                                                              "messages[].content[].data"},
                                        4},
    .lists = 2,
    .unsigned_too = true,
};

const struct dialect_foreign openai_responses_foreign = {
    .watch =
        &(const struct json_watch){
            (const char *const[]){"input[]", "input[].encrypted_content", "input[].id"}, 3},
    .lists = 1,
};

/* ---- asking for usage ---- */

static void ask_usage_at(struct dialect_request_reader *r, uint64_t at, uint64_t len,
                         const char *with)
{
    r->req.ask_usage = (struct blob_patch){at, len, span_str(with)};
}

/* The object has ended, and `model` has shown that it has a member. */
static void end_root(struct dialect_request_reader *r, const struct json_hit *h)
{
    const struct json_watch *w = r->d->request_watch;
    bool has_options = w->paths == paths && w->n > STREAM_OPTIONS;

    if (has_options && !(r->seen & UINT32_C(1) << STREAM_OPTIONS))
        ask_usage_at(r, h->at + h->len - 1, 0, ",\"stream_options\":{\"include_usage\":true}");
}

static int read_include_usage(struct dialect_request_reader *r, const struct json_hit *h)
{
    if (read_bool(r, h, &r->req.usage_asked) < 0)
        return -1;
    if (!r->req.usage_asked)
        ask_usage_at(r, h->at, h->len, "true");
    return 0;
}

int request_once(struct dialect_request_reader *r, const struct json_hit *h, unsigned key)
{
    const char *path = r->d->request_watch->paths[h->id];

    if (h->escaped_key || r->seen & UINT32_C(1) << key)
        r->place = path;
    if (h->escaped_key)
        return request_refuse(
            r, "\"%s\" is spelled with escapes (its value is at byte %llu of the body).", path,
            (unsigned long long)h->at);
    if (r->seen & UINT32_C(1) << key)
        return request_refuse(r, "\"%s\" comes twice (the second at byte %llu of the body).", path,
                              (unsigned long long)h->at);
    r->seen |= UINT32_C(1) << key;
    return 0;
}

int dialect_request_hit(struct dialect_request_reader *r, const struct json_hit *h)
{
    if (h->end && h->id == ROOT)
        end_root(r, h);
    if (h->end)
        return 0;
    if (h->id == ROOT && h->type != JSON_OBJECT)
        return request_refuse(r, "The body must be one JSON object.");
    if (h->id == ROOT)
        return 0;
    if (h->id == PROMPTS) {
        count_prompt(r, h);
        return 0;
    }
    if (request_once(r, h, h->id) < 0)
        return -1;
    switch ((enum key)h->id) {
    case MODEL:
        return read_model(r, h);
    case STREAM:
        r->req.stream_at = h->at;
        r->req.stream_len = h->len;
        return read_bool(r, h, &r->req.stream);
    case INCLUDE_USAGE:
        return read_include_usage(r, h);
    case MAX_TOKENS:
    case MAX_COMPLETION_TOKENS:
    case MAX_OUTPUT_TOKENS:
        return request_tokens(r, h);
    case CHOICES:
        return request_choices(r, h);
    case STREAM_OPTIONS:
        if (h->type == JSON_NULL)
            ask_usage_at(r, h->at, h->len, "{\"include_usage\":true}");
        break;
    case ROOT:
    case PROMPT:
    case PROMPTS:
    case KEYS:
        break;
    }
    return 0;
}

#define PREVIOUS (MAX_OUTPUT_TOKENS + 1) /* of Responses */

int dialect_request_responses_hit(struct dialect_request_reader *r, const struct json_hit *h)
{
    if (h->id != PREVIOUS)
        return dialect_request_hit(r, h);
    if (h->end)
        return 0;
    if (request_once(r, h, PREVIOUS) < 0)
        return -1;
    r->req.previous = dialect_hit_id(h);
    return 0;
}

static bool on_hit(void *arg, const struct json_hit *h)
{
    struct dialect_request_reader *r = arg;
    const struct dialect_foreign *f = r->d->foreign;

    if (!f || h->id < r->d->request_watch->n - (f->watch->n - f->lists))
        return r->d->on_request(r, h) == 0;
    r->req.foreign |= foreign_is_ours(h);
    r->req.unsigned_thinking |= foreign_is_unsigned(f, h);
    return true;
}

void dialect_request_begin(struct dialect_request_reader *r, const struct dialect *d)
{
    memset(r, 0, sizeof(*r));
    r->d = d;
    r->req.choices = 1;
    json_scan_init(&r->scan, d->request_watch, on_hit, r);
}

/* The scan is BAD. Returns -1. */
static int refuse_scan(struct dialect_request_reader *r)
{
    unsigned long long at = r->scan.at;

    if (r->bad)
        return -1; /* a value was refused: why was written */
    if (strcmp(r->scan.why, "depth") == 0)
        return request_refuse(r, "The body is nested deeper than %d levels (byte %llu).",
                              JSON_SCAN_DEPTH, at);
    return request_refuse(r, "The body is not valid JSON: %s at byte %llu.", r->scan.why, at);
}

bool dialect_request_broken(const struct dialect_request_reader *r, uint64_t *ret_at)
{
    *ret_at = r->scan.at;
    return r->bad && r->scan.why && strcmp(r->scan.why, "refused") != 0;
}

int dialect_request_feed(struct dialect_request_reader *r, const char *p, size_t n)
{
    if (r->bad)
        return -1;
    r->scan.arg = r; /* the reader may have been moved since */
    if (json_scan_feed(&r->scan, p, n) == JSON_SCAN_BAD)
        return refuse_scan(r);
    return 0;
}

int dialect_request_end(struct dialect_request_reader *r)
{
    struct dialect_request *q = &r->req;

    if (r->bad)
        return -1;
    r->scan.arg = r;
    if (json_scan_eof(&r->scan) != JSON_SCAN_DONE)
        return refuse_scan(r);
    if (q->model_len == 0 && !r->d->by_url) {
        r->place = paths[MODEL];
        return request_refuse(r, "\"model\" is missing.");
    }
    if (r->prompts)
        q->choices = (uint32_t)MIN((uint64_t)q->choices * r->prompts, (uint64_t)UINT32_MAX);
    return 0;
}
