/*
 * gemini_generate.c - Gemini's generateContent and streamGenerateContent, as Google AI and Vertex
 * AI speak it: the model and whether to stream are said by the URL.
 *
 * A stream is a sequence of answers, each with what is new; as SSE (alt=sse), or as one JSON list,
 * which is read as a whole answer here. Nothing like [DONE] ends it. It is complete
 * - when every candidate that was asked for, and every other one that began, has a finishReason;
 *   the API gives all candidates that it was asked for, or none. Hosts of old wrote a reason into
 *   every event; more may follow, and is passed on.
 * - when promptFeedback has a blockReason: then there will be no candidate.
 *
 * Enumerations come as words, or as numbers where the client asked for those ($alt=json;
 * enum-encoding=int); 0 is *_UNSPECIFIED.
 */
#include "dialect/choices.h"
#include "dialect/gemini/gemini.h"
#include "dialect/foreign.h"

/* Of an event or answer, and of each in a list. */
enum path {
    ROOT,
    MODEL,
    CANDIDATE,
    INDEX,
    FINISH,
    BLOCK,
    INPUT,
    INPUT_TOOLS,
    INPUT_CACHED,
    OUTPUT,
    OUTPUT_THOUGHTS,
    TRAFFIC,
    TIER,
    SEARCHES,
    KIND_IN,
    KIND_IN_NAME,
    KIND_IN_COUNT,
    KIND_CACHED,
    KIND_CACHED_NAME,
    KIND_CACHED_COUNT,
    KIND_OUT,
    KIND_OUT_NAME,
    KIND_OUT_COUNT,
    CALL,
    CODE,
    CODE_RESULT,
    ERRORS,
    COMMON = ERRORS + 4,
    /* only looked at in events */
    TEXT = COMMON,
    MEDIA,
    SIGNATURE,
    TOOL_CALL,
    TOOL_RESULT,
    EVENT_PATHS
};

/* Tokens by kind: [{"modality":"AUDIO","tokenCount":80}, ...]. */
#define KIND_PATHS(list) list "[]", list "[].modality", list "[].tokenCount"

#define PATHS(of)                                                                                  \
    of "modelVersion", of "candidates[]", of "candidates[].index", of "candidates[].finishReason", \
        of "promptFeedback.blockReason", of "usageMetadata.promptTokenCount",                      \
        of "usageMetadata.toolUsePromptTokenCount", of "usageMetadata.cachedContentTokenCount",    \
        of "usageMetadata.candidatesTokenCount", of "usageMetadata.thoughtsTokenCount",            \
        of "usageMetadata.trafficType", of "usageMetadata.serviceTier",                            \
        of "candidates[].groundingMetadata.webSearchQueries",                                      \
        KIND_PATHS(of "usageMetadata.promptTokensDetails"),                                        \
        KIND_PATHS(of "usageMetadata.cacheTokensDetails"),                                         \
        KIND_PATHS(of "usageMetadata.candidatesTokensDetails"),                                    \
        of "candidates[].content.parts[].functionCall",                                            \
        of "candidates[].content.parts[].executableCode",                                          \
        of "candidates[].content.parts[].codeExecutionResult", GEMINI_ERROR_PATHS(of)

static const char *const event_paths[] = {
    "",
    PATHS(""),
    "candidates[].content.parts[].text",
    "candidates[].content.parts[].inlineData",
    "candidates[].content.parts[].thoughtSignature",
    "candidates[].content.parts[].toolCall",
    "candidates[].content.parts[].toolResponse",
};
_Static_assert(ARRAY_LEN(event_paths) == EVENT_PATHS, "one row, one path");

static const char *const answer_paths[] = {"", PATHS(""), "[]", PATHS("[].")};
_Static_assert(ARRAY_LEN(answer_paths) == 2 * (size_t)COMMON, "one row, one path");

static const struct json_watch event_watch = {event_paths, ARRAY_LEN(event_paths)};
static const struct json_watch answer_watch = {answer_paths, ARRAY_LEN(answer_paths)};

/* What the event, or the whole answer, has shown. */
enum mark {
    SAW_CANDIDATE = 1 << 0,
    SAW_CONTENT = 1 << 1,
    SAW_TOOL = 1 << 2,
    SAW_FINISH = 1 << 3,
    SAW_BLOCK = 1 << 4,
    SAW_USAGE = 1 << 5,
    SAW_ERROR = 1 << 6,
};

static void mark(struct dialect_answer *a, unsigned m)
{
    a->marks = (uint16_t)(a->marks | m);
}

/* A value of an enumeration that says something? */
static bool is_said(const struct json_hit *h)
{
    static const struct span none = {"_UNSPECIFIED", 12};

    if (h->type == JSON_NUMBER)
        return !span_is(h->raw, "0");
    return h->type == JSON_STRING && h->len > 2 && !span_contains(h->raw, none);
}

static void read_candidate(struct dialect_answer *a, const struct json_hit *h)
{
    if (!choices_hit(a, h))
        return;
    mark(a, SAW_CANDIDATE);
    if (h->end && a->choice_finished)
        mark(a, SAW_FINISH);
}

static void read_finish(struct dialect_answer *a, const struct json_hit *h)
{
    a->choice_finished = is_said(h);
    if (a->choice_finished)
        answer_stop(a, h);
}

static void read_block(struct dialect_answer *a, const struct json_hit *h)
{
    if (!is_said(h))
        return;
    mark(a, SAW_BLOCK);
    answer_stop(a, h);
}

/* Every event may have counts, of all that was until then; the last ones count. */
static void read_usage(struct dialect_answer *a, const struct json_hit *h, uint64_t *count)
{
    struct dialect_usage *u = &a->usage;

    if (dialect_hit_u64(h, count) < 0)
        return;
    u->input = a->input_plain + a->input_tools;
    u->output = a->output_plain + u->reasoning;
    u->seen = true;
    mark(a, SAW_USAGE);
}

#define AUDIO 4 /* the enumeration's number, for who writes numbers */

/* A row of KIND_PATHS, the first of them being 0. Only audio is priced apart. */
static void read_kind(struct dialect_answer *a, unsigned row, const struct json_hit *h,
                      uint64_t *audio)
{
    uint64_t number = 0;

    if (row == 1) {
        a->audio = h->type == JSON_STRING ? span_is(h->raw, "AUDIO")
                                          : dialect_hit_u64(h, &number) == 0 && number == AUDIO;
    } else if (row == 2) {
        read_usage(a, h, &a->of_kind);
    } else if (!h->end) {
        a->audio = false;
        a->of_kind = 0;
    } else if (a->audio) {
        *audio = a->of_kind;
    }
}

static void read_common(struct dialect_answer *a, unsigned path, const struct json_hit *h)
{
    switch (path) {
    case MODEL:
        answer_model(a, h);
        break;
    case CANDIDATE:
        read_candidate(a, h);
        break;
    case INDEX:
        choices_index(a, h);
        break;
    case FINISH:
        read_finish(a, h);
        break;
    case BLOCK:
        read_block(a, h);
        break;
    case INPUT:
        read_usage(a, h, &a->input_plain);
        break;
    case INPUT_TOOLS:
        read_usage(a, h, &a->input_tools);
        break;
    case INPUT_CACHED:
        read_usage(a, h, &a->usage.cache_read);
        break;
    case OUTPUT:
        read_usage(a, h, &a->output_plain);
        break;
    case TRAFFIC: /* Vertex AI's word; the other one is Google AI's */
    case TIER:
        answer_tier(a, TIER_QUEUE, h);
        break;
    case SEARCHES:
        answer_extras(a, h);
        break;
    case OUTPUT_THOUGHTS:
        read_usage(a, h, &a->usage.reasoning);
        break;
    case KIND_IN:
    case KIND_IN_NAME:
    case KIND_IN_COUNT:
        read_kind(a, path - KIND_IN, h, &a->usage.audio_in);
        break;
    case KIND_CACHED:
    case KIND_CACHED_NAME:
    case KIND_CACHED_COUNT:
        read_kind(a, path - KIND_CACHED, h, &a->usage.audio_cached);
        break;
    case KIND_OUT:
    case KIND_OUT_NAME:
    case KIND_OUT_COUNT:
        read_kind(a, path - KIND_OUT, h, &a->usage.audio_out);
        break;
    case CALL:
    case CODE:
    case CODE_RESULT:
        if (answer_hit_filled(h))
            mark(a, SAW_TOOL);
        break;
    default:
        if (gemini_error_hit(a, (enum gemini_error_path)(path - ERRORS), h))
            mark(a, SAW_ERROR);
        break;
    }
}

/* ---- events ---- */

static void on_event(struct dialect_answer *a, const struct json_hit *h)
{
    if (h->id != ROOT && h->id < COMMON)
        read_common(a, h->id, h);
    else if (h->id >= TEXT && answer_hit_filled(h))
        mark(a, h->id < SIGNATURE ? SAW_CONTENT : SAW_TOOL);
}

/* What an event with these marks is; the first row that matches. */
static const struct answer_kind kinds[] = {
    {SAW_TOOL, EVENT_TOOL},     {SAW_CONTENT, EVENT_CONTENT}, {SAW_BLOCK, EVENT_TERMINAL},
    {SAW_FINISH, EVENT_FINISH}, {SAW_CANDIDATE, EVENT_START}, {SAW_USAGE, EVENT_USAGE},
};

static void end_event(struct dialect_answer *a)
{
    if (answer_is_done_mark(a)) { /* some proxies add it; it means nothing here */
        a->ev.kind = EVENT_OPAQUE;
        return;
    }
    if (a->marks & SAW_ERROR) {
        answer_error(a);
        return;
    }
    answer_no_error(a);
    choices_settle(a);
    a->ev.kind = answer_kind(a, kinds, ARRAY_LEN(kinds));
    a->started |= (a->marks & SAW_CANDIDATE) != 0;
    a->content |= (a->marks & SAW_CONTENT) != 0;
    a->tool |= (a->marks & SAW_TOOL) != 0;
    a->done |= (a->marks & SAW_BLOCK) != 0;
}

/* ---- whole answers ---- */

static void end_answer(struct dialect_answer *a)
{
    if (a->marks & SAW_ERROR) {
        answer_error(a);
        return;
    }
    answer_no_error(a);
    choices_settle(a);
    a->started = a->marks & (SAW_CANDIDATE | SAW_BLOCK);
    a->content = a->started;
    a->tool = a->marks & SAW_TOOL;
}

static void on_answer(struct dialect_answer *a, const struct json_hit *h)
{
    unsigned path = h->id < COMMON ? h->id : h->id - COMMON;

    if (path != ROOT)
        read_common(a, path, h);
    else if (h->id == ROOT && h->end)
        end_answer(a);
}

static enum dialect_verdict verdict(const struct dialect_answer *a)
{
    bool any, open = choices_open(a, &any), complete = any && !open;

    if (a->streamed)
        return answer_verdict(a, a->done || (complete && choices_finished(a)));
    return answer_verdict(a, complete || a->marks & SAW_BLOCK);
}

const struct dialect dialect_gemini_generate = {
    .name = "gemini.generate",
    .request_watch = &gemini_request_watch,
    .foreign = &gemini_foreign,
    .event_watch = &event_watch,
    .answer_watch = &answer_watch,
    .on_request = gemini_request_hit,
    .on_event = on_event,
    .on_answer = on_answer,
    .end_event = end_event,
    .verdict = verdict,
    .write_error = gemini_write_error,
    .write_error_event = gemini_write_error_event,
    .by_url = true,
    .lists = true,
    .keepalive = "\r\n\r\n", /* a comment breaks Google's SDKs (tests/clients/test_alive.py) */
    .cut = "ended before every candidate had its finishReason",
};
