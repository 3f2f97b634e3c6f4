/*
 * bedrock_converse_convert.c - Bedrock's Converse among the dialects that are translated: what it
 * can say, and the words that requests and answers share. Only targets speak it.
 */
#include "dialect/bedrock/bedrock_converse_convert.h"

#include "base/base64.h"
#include "dialect/anthropic/claude.h"
#include "dialect/convert_most.h"
#include "dialect/dialect.h"

#define SEALED_MAX ((size_t)4 * 1024 * 1024)

#define DOCS      "https://docs.aws.amazon.com/bedrock/latest/"
#define CONVERSE  DOCS "APIReference/API_runtime_Converse.html"
#define TYPE(of)  DOCS "APIReference/API_runtime_" of ".html"
#define SYSTEMS   TYPE("SystemContentBlock")
#define BLOCKS    TYPE("ContentBlock")
#define INFERENCE TYPE("InferenceConfiguration")
#define TOOL_SPEC TYPE("Tool")
#define CHOICE    TYPE("ToolChoice")
#define FIELDS    DOCS "userguide/conversation-inference-call.html"
#define THINKS    TYPE("ReasoningContentBlock")
#define SOURCES   TYPE("ImageSource")
#define VIDEOS    TYPE("VideoSource")
#define PAPERS    TYPE("DocumentSource")
#define TIERS     TYPE("ServiceTier")
#define FORMATS   TYPE("OutputFormat")
#define SCHEMAS   DOCS "userguide/structured-output.html"
#define USAGE     TYPE("TokenUsage")
#define STREAMED  TYPE("ContentBlockDelta")
#define PREFILLS  "https://platform.claude.com/docs/en/api/errors#prefill-not-supported"

const struct bedrock_converse_location bedrock_converse_locations[BEDROCK_CONVERSE_LOCATIONS] = {
    {"documentChar", "documentIndex", "char_location", "document_index", "start_char_index",
     "end_char_index", "document_title", false},
    {"documentPage", "documentIndex", "page_location", "document_index", "start_page_number",
     "end_page_number", "document_title", false},
    {"documentChunk", "documentIndex", "content_block_location", "document_index",
     "start_block_index", "end_block_index", "document_title", false},
    {"searchResultLocation", "searchResultIndex", "search_result_location", "search_result_index",
     "start_block_index", "end_block_index", "title", true},
};

const struct convert_charset bedrock_converse_names = {.max = 64};

/* ---- why an answer ended ---- */

enum chat_stop bedrock_converse_stop(struct span word)
{
    static const struct {
        const char *word;
        enum chat_stop stop;
    } rows[] = {
        {"end_turn", CHAT_STOP_END},
        {"tool_use", CHAT_STOP_TOOL},
        {"max_tokens", CHAT_STOP_LENGTH},
        {"stop_sequence", CHAT_STOP_TEXT},
        {"model_context_window_exceeded", CHAT_STOP_LENGTH},
        {"guardrail_intervened", CHAT_STOP_FILTER},
        {"content_filtered", CHAT_STOP_FILTER},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_is(word, rows[i].word))
            return rows[i].stop;
    return CHAT_STOP_FILTER; /* malformed_model_output, malformed_tool_use */
}

/* ---- media ---- */

static const struct {
    enum chat_media_kind kind;
    const char *type, *format;
} formats[] = {
    {CHAT_IMAGE, "image/png", "png"},
    {CHAT_IMAGE, "image/jpeg", "jpeg"},
    {CHAT_IMAGE, "image/jpg", "jpeg"},
    {CHAT_IMAGE, "image/gif", "gif"},
    {CHAT_IMAGE, "image/webp", "webp"},
    {CHAT_DOCUMENT, "application/pdf", "pdf"},
    {CHAT_DOCUMENT, "text/plain", "txt"},
    {CHAT_DOCUMENT, "text/csv", "csv"},
    {CHAT_DOCUMENT, "text/html", "html"},
    {CHAT_DOCUMENT, "text/markdown", "md"},
    {CHAT_DOCUMENT, "application/msword", "doc"},
    {CHAT_DOCUMENT, "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
     "docx"},
    {CHAT_DOCUMENT, "application/vnd.ms-excel", "xls"},
    {CHAT_DOCUMENT, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
    {CHAT_AUDIO_IN, "audio/mpeg", "mp3"},
    {CHAT_AUDIO_IN, "audio/mp3", "mp3"},
    {CHAT_AUDIO_IN, "audio/wav", "wav"},
    {CHAT_AUDIO_IN, "audio/x-wav", "wav"},
    {CHAT_AUDIO_IN, "audio/ogg", "ogg"},
    {CHAT_AUDIO_IN, "audio/flac", "flac"},
    {CHAT_AUDIO_IN, "audio/aac", "aac"},
    {CHAT_AUDIO_IN, "audio/opus", "opus"},
    {CHAT_AUDIO_IN, "audio/webm", "webm"},
    {CHAT_AUDIO_IN, "audio/mp4", "m4a"},
    {CHAT_VIDEO_IN, "video/mp4", "mp4"},
    {CHAT_VIDEO_IN, "video/quicktime", "mov"},
    {CHAT_VIDEO_IN, "video/x-matroska", "mkv"},
    {CHAT_VIDEO_IN, "video/webm", "webm"},
    {CHAT_VIDEO_IN, "video/x-flv", "flv"},
    {CHAT_VIDEO_IN, "video/mpeg", "mpeg"},
    {CHAT_VIDEO_IN, "video/x-ms-wmv", "wmv"},
    {CHAT_VIDEO_IN, "video/3gpp", "three_gp"},
};

struct span bedrock_converse_format(enum chat_media_kind kind, struct span type)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i].kind == kind && span_eq_nocase(type, span_str(formats[i].type)))
            return span_str(formats[i].format);
    return span_of(NULL, 0);
}

struct span bedrock_converse_type(enum chat_media_kind kind, struct span format)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i].kind == kind && span_is(format, formats[i].format))
            return span_str(formats[i].type);
    return span_of(NULL, 0);
}

/* ---- encrypted thinking ---- */

static bool is_text(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7F)
            return false;
    return s.n > 0;
}

int bedrock_converse_open(struct arena *a, struct span redacted, struct span *ret)
{
    bool known, lost;
    struct buf b;

    *ret = span_of(NULL, 0);
    buf_init(&b, SEALED_MAX);
    known = base64_decode(&b, redacted) == 0 && is_text(buf_span(&b));
    if (known)
        *ret = arena_dup(a, buf_span(&b));
    lost = !buf_ok(&b) || (known && !span_has(*ret));
    buf_fini(&b);
    return lost ? -1 : 0;
}

struct span bedrock_converse_seal(struct arena *a, struct span signature)
{
    struct span ret = {NULL, 0};
    struct buf b;

    buf_init(&b, SEALED_MAX);
    base64_encode(&b, signature);
    if (buf_ok(&b))
        ret = arena_dup(a, buf_span(&b));
    buf_fini(&b);
    return ret;
}

/* ---- the dialect ---- */

/* clang-format off */
#define CARRY(id)            [CHAT_HAS_##id] = {CHAT_HAS_##id, CARRIED, NULL, NULL}
#define NEARLY(id, how, url) [CHAT_HAS_##id] = {CHAT_HAS_##id, APPROXIMATE, how, url}
#define PART(id, how, url)   [CHAT_HAS_##id] = {CHAT_HAS_##id, PARTLY, how, url}
#define LOSE(id, url)        [CHAT_HAS_##id] = {CHAT_HAS_##id, LOST, NULL, url}

static const struct convert_loss_row loss[CHAT_FEATURES] = {
    CARRY(SYSTEM),
    NEARLY(DEVELOPER, "a block of the system prompt", SYSTEMS),
    NEARLY(SYSTEM_LATER, "a block of the system prompt, in front of the messages", SYSTEMS),
    LOSE(SPEAKER, CONVERSE),
    CARRY(TEXT),
    CARRY(IMAGE_BASE64),
    LOSE(IMAGE_URL, SOURCES),
    LOSE(IMAGE_DETAIL, TYPE("ImageBlock")),
    CARRY(DOCUMENT_BASE64),
    LOSE(DOCUMENT_URL, PAPERS),
    CARRY(DOCUMENT_TEXT),
    PART(CITING, "toward Claude's models", TYPE("DocumentBlock")),
    PART(DOCUMENT_CONTEXT, "toward Claude's models; where a search has found it only with a title", TYPE("DocumentBlock")),
    PART(AUDIO, "of the types that the API names; others are not asked for", TYPE("AudioBlock")),
    LOSE(AUDIO_URL, TYPE("AudioBlock")),
    PART(VIDEO, "inside of the request; videos by URL are not asked for", VIDEOS),
    LOSE(FILE_ID, BLOCKS),
    CARRY(TOOLS),
    PART(TOOL_STRICT, "where the schema has what the API refuses, or only the client's API would have held to it without a word, the tool is not strict", SCHEMAS),
    LOSE(TOOL_FREE, TOOL_SPEC),
    LOSE(PROVIDER_TOOL, TOOL_SPEC),
    PART(TOOL_CHOICE, "none leaves the tools out; beside calls that were made it is not asked for", CHOICE),
    LOSE(TOOL_PARALLEL, CHOICE),
    CARRY(TOOL_CALL),
    CARRY(TOOL_RESULT),
    CARRY(TOOL_RESULT_IMAGE),
    CARRY(TOOL_RESULT_ERROR),
    PART(THINKING, "in requests only what Anthropic has signed, toward Claude's models", THINKS),
    PART(SIGNATURE, "toward Claude's models", THINKS),
    NEARLY(REFUSAL, "text", BLOCKS),
    PART(CITATIONS, "those of documents and of what was searched; in requests toward Claude's models", TYPE("CitationLocation")),
    NEARLY(JSON_OBJECT, "a sentence of the system prompt", FORMATS),
    PART(JSON_SCHEMA, "objects are closed, oneOf is anyOf; of a schema with what the API refuses the target is not asked", SCHEMAS),
    PART(PREFILL, "Claude's models since 4.6 are not asked", PREFILLS),
    LOSE(AUDIO_OUT, INFERENCE),
    LOSE(MODALITIES, INFERENCE),
    PART(MAX_TOKENS, CONVERT_MOST, INFERENCE),
    PART(TEMPERATURE, "at most 1; left out toward models that refuse it, and with thinking", INFERENCE),
    PART(TOP_P, "left out toward models that refuse it, or refuse it beside a temperature, and with thinking", INFERENCE),
    PART(TOP_K, "toward Claude's and Nova's models, who have it as a field of their own; left out with thinking that refuses it", FIELDS),
    PART(STOP, "those of nothing but white space are left out", INFERENCE),
    LOSE(PENALTIES, INFERENCE),
    LOSE(SEED, INFERENCE),
    LOSE(LOGIT_BIAS, INFERENCE),
    LOSE(LOGPROBS, INFERENCE),
    LOSE(CHOICES, INFERENCE),
    PART(EFFORT, "toward models that have a field for it, the nearest word: Claude's, Nova 2's, gpt-oss; Nova's is at most medium beside a limit of tokens", FIELDS),
    PART(BUDGET, "toward Claude's models; an effort toward those of them without budgets, and toward Nova 2 and gpt-oss", FIELDS),
    LOSE(VERBOSITY, INFERENCE),
    PART(METADATA, "requestMetadata, entries of texts that the API takes", CONVERSE),
    LOSE(USER, CONVERSE),
    PART(SERVICE_TIER, "default, flex, priority; others are left out", TIERS),
    CARRY(CACHE),
    LOSE(CACHE_KEY, CONVERSE),
    LOSE(STORE, CONVERSE),
    LOSE(PREVIOUS, CONVERSE),
    LOSE(OTHER, CONVERSE),
    CARRY(USAGE_CACHED),
    LOSE(USAGE_REASONING, USAGE),
    NEARLY(STOP_SEQUENCE, "of Claude's models", CONVERSE),
    NEARLY(MEDIA_OUT, "of answers that come at once", STREAMED),
};
/* clang-format on */

/* Of the others it is not known. */
static bool goes_on(struct span model)
{
    return span_contains(model, SPAN_LIT("claude")) && claude_goes_on(model);
}

const struct convert convert_bedrock_converse = {
    .name = "bedrock.converse",
    .dialect = &dialect_bedrock_converse,
    .signer = CHAT_SIGNER_ANTHROPIC,
    .loss = loss,
    .goes_on = goes_on,
    .names = &bedrock_converse_names,
    .read_request = bedrock_converse_read_request,
    .write_request = bedrock_converse_write_request,
    .reader_bytes = sizeof(struct bedrock_converse_reader),
    .read_event = bedrock_converse_read_event,
    .read_answer = bedrock_converse_read_answer,
};
