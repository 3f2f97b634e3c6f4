/*
 * gemini_convert.c - see gemini_convert.h: what Gemini can say, and small common things.
 */
#include "dialect/gemini/gemini_convert.h"

#include "base/base64.h"
#include "dialect/convert_cite.h"
#include "dialect/convert_most.h"
#include "dialect/foreign.h"

#define GENERATE      "https://ai.google.dev/api/generate-content"
#define CACHING       "https://ai.google.dev/api/caching"
#define FUNCTIONS     "https://ai.google.dev/gemini-api/docs/function-calling"
#define FILES         "https://ai.google.dev/gemini-api/docs/file-input-methods"
#define TOKENS        "https://ai.google.dev/gemini-api/docs/caching"
#define MEDIA         "https://ai.google.dev/gemini-api/docs/media-resolution"
#define THINKING_PAGE "https://ai.google.dev/gemini-api/docs/thinking#set-budget"
#define STRUCTURED    "https://ai.google.dev/gemini-api/docs/structured-output"
#define MODELS        "https://ai.google.dev/gemini-api/docs/models"
#define LABELS                                                                                     \
    "https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/add-labels-to-api-calls"
#define OPENAI "https://ai.google.dev/gemini-api/docs/openai"

#define CARRIED(f)       [CHAT_HAS_##f] = {CHAT_HAS_##f, CARRIED, NULL, NULL}
#define NEARLY(f, as, p) [CHAT_HAS_##f] = {CHAT_HAS_##f, APPROXIMATE, as, p}
#define PARTLY(f, as, p) [CHAT_HAS_##f] = {CHAT_HAS_##f, PARTLY, as, p}
#define LOST(f, p)       [CHAT_HAS_##f] = {CHAT_HAS_##f, LOST, NULL, p}

static const struct convert_loss_row losses[CHAT_FEATURES] = {
    CARRIED(SYSTEM),
    NEARLY(DEVELOPER, "a part of the system instruction", GENERATE),
    NEARLY(SYSTEM_LATER, "moved to the system instruction", GENERATE),
    LOST(SPEAKER, GENERATE),
    CARRIED(TEXT),
    CARRIED(IMAGE_BASE64),
    CARRIED(IMAGE_URL),
    PARTLY(IMAGE_DETAIL,
           "before Gemini 3 the first one's counts for all; images in results have none", MEDIA),
    CARRIED(DOCUMENT_BASE64),
    CARRIED(DOCUMENT_URL),
    CARRIED(DOCUMENT_TEXT),
    LOST(CITING, GENERATE),
    LOST(DOCUMENT_CONTEXT, CACHING "#Part"),
    CARRIED(AUDIO),
    CARRIED(AUDIO_URL),
    CARRIED(VIDEO),
    LOST(FILE_ID, FILES),
    CARRIED(TOOLS),
    NEARLY(TOOL_STRICT,
           "all tools at once are held to their schemas; where one has what Gemini takes no notice "
           "of, the tool is not strict",
           FUNCTIONS),
    LOST(TOOL_FREE, FUNCTIONS),
    LOST(PROVIDER_TOOL, CACHING "#Tool"),
    CARRIED(TOOL_CHOICE),
    LOST(TOOL_PARALLEL, CACHING "#FunctionCallingConfig"),
    CARRIED(TOOL_CALL),
    CARRIED(TOOL_RESULT),
    PARTLY(TOOL_RESULT_IMAGE, "before Gemini 3 beside the result", FUNCTIONS),
    CARRIED(TOOL_RESULT_ERROR),
    CARRIED(THINKING),
    PARTLY(SIGNATURE, "what Google has signed", CACHING "#Part"),
    NEARLY(REFUSAL, "text", CACHING "#Part"),
    PARTLY(CITATIONS, "web pages by URL only, and none in a request",
           GENERATE "#GroundingMetadata"),
    PARTLY(JSON_OBJECT,
           "models before Gemini 3 are not asked for it together with tools that may be called",
           STRUCTURED),
    PARTLY(JSON_SCHEMA,
           "oneOf is anyOf; with what Gemini takes no notice of the target is not asked, or told "
           "so where the client's own API would not hold to the schema; models before Gemini 3 are "
           "not asked for it together with tools that may be called",
           GENERATE "#v1beta.GenerationConfig"),
    LOST(PREFILL, "https://ai.google.dev/gemini-api/docs/text-generation"),
    LOST(AUDIO_OUT, "https://ai.google.dev/gemini-api/docs/speech-generation"),
    CARRIED(MODALITIES),
    PARTLY(MAX_TOKENS, CONVERT_MOST, MODELS),
    CARRIED(TEMPERATURE),
    CARRIED(TOP_P),
    CARRIED(TOP_K),
    PARTLY(STOP, "the first five", GENERATE "#generationconfig"),
    CARRIED(PENALTIES),
    CARRIED(SEED),
    LOST(LOGIT_BIAS, GENERATE "#generationconfig"),
    CARRIED(LOGPROBS),
    CARRIED(CHOICES),
    PARTLY(EFFORT,
           "a thinking level; before Gemini 3 a budget; Gemini 2.5 Pro, and 3, think where they "
           "should not",
           OPENAI "#thinking"),
    PARTLY(BUDGET, "before Gemini 3 within the bounds of the model", THINKING_PAGE),
    LOST(VERBOSITY, GENERATE "#generationconfig"),
    PARTLY(METADATA,
           "labels of the letters that Vertex AI takes, 64 of them; other hosts have none", LABELS),
    LOST(USER, GENERATE),
    PARTLY(SERVICE_TIER, "standard for default, flex, priority; others are left out", GENERATE),
    LOST(CACHE, TOKENS),
    LOST(CACHE_KEY, GENERATE),
    LOST(STORE, GENERATE),
    LOST(PREVIOUS, GENERATE),
    LOST(OTHER, GENERATE),
    NEARLY(USAGE_CACHED, "what went into the cache is told as plain input",
           GENERATE "#UsageMetadata"),
    CARRIED(USAGE_REASONING),
    LOST(STOP_SEQUENCE, GENERATE "#FinishReason"),
    CARRIED(MEDIA_OUT),
};

const struct convert convert_gemini_generate = {
    .name = "gemini.generate",
    .dialect = &dialect_gemini_generate,
    .signer = CHAT_SIGNER_GEMINI,
    .loss = losses,
    .names = &gemini_names,
    .read_request = gemini_read_request,
    .write_request = gemini_write_request,
    .reader_bytes = GEMINI_READER_BYTES,
    .writer_bytes = GEMINI_WRITER_BYTES,
    .read_event = gemini_read_event,
    .read_answer = gemini_read_answer,
    .write_event = gemini_write_event,
    .end = gemini_end,
    .write_answer = gemini_write_answer,
    .cites = convert_is_url_citation,
    .joins = true,
};

/* ---- values ---- */

const struct convert_charset gemini_names = {.max = 64, .more = ".:", .letter_first = true};

int gemini_keep_object(const struct convert_value *x)
{
    if (!yyjson_is_obj(x->v))
        return convert_want(x, "an object");
    *(yyjson_val **)(void *)((char *)x->to + x->key->at) = x->v;
    return 0;
}

yyjson_val *gemini_get(yyjson_val *v, const char *camel, const char *snake)
{
    yyjson_val *found = json_get(v, camel);

    if (!found || yyjson_is_null(found))
        found = json_get(v, snake);
    return found && !yyjson_is_null(found) ? found : NULL;
}

/* ---- media ---- */

static const struct {
    const char *end;
    struct span type;
} types[] = {
    {".png", SPAN_LIT("image/png")},       {".jpg", SPAN_LIT("image/jpeg")},
    {".jpeg", SPAN_LIT("image/jpeg")},     {".webp", SPAN_LIT("image/webp")},
    {".gif", SPAN_LIT("image/gif")},       {".heic", SPAN_LIT("image/heic")},
    {".pdf", SPAN_LIT("application/pdf")}, {".txt", SPAN_LIT("text/plain")},
    {".html", SPAN_LIT("text/html")},      {".csv", SPAN_LIT("text/csv")},
    {".mp3", SPAN_LIT("audio/mpeg")},      {".wav", SPAN_LIT("audio/wav")},
    {".flac", SPAN_LIT("audio/flac")},     {".ogg", SPAN_LIT("audio/ogg")},
    {".mp4", SPAN_LIT("video/mp4")},       {".webm", SPAN_LIT("video/webm")},
    {".mov", SPAN_LIT("video/quicktime")},
};

struct span gemini_type_of(struct span url)
{
    struct span path = span_cut(&url, '?');

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t n = strlen(types[i].end);

        if (path.n > n && span_eq_nocase(span_of(path.p + path.n - n, n), span_str(types[i].end)))
            return types[i].type;
    }
    return span_of(NULL, 0);
}

enum chat_media_kind gemini_media_kind(struct span type, struct span url)
{
    static const struct {
        struct span begin;
        enum chat_media_kind kind;
    } rows[] = {
        {SPAN_LIT("image/"), CHAT_IMAGE},
        {SPAN_LIT("audio/"), CHAT_AUDIO_IN},
        {SPAN_LIT("video/"), CHAT_VIDEO_IN},
    };

    if (!span_has(type))
        type = gemini_type_of(url);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_starts(type, rows[i].begin))
            return rows[i].kind;
    /* The only pages that are taken as media without a type. */
    if (!span_has(type) && (span_contains(url, SPAN_LIT("://www.youtube.com/")) ||
                            span_contains(url, SPAN_LIT("://youtu.be/"))))
        return CHAT_VIDEO_IN;
    return CHAT_DOCUMENT;
}

bool gemini_is_file(struct span uri)
{
    return span_starts(uri, SPAN_LIT("gs://")) || span_starts(uri, SPAN_LIT("files/")) ||
           span_starts(uri, SPAN_LIT("https://generativelanguage.googleapis.com/"));
}

/* ---- signatures ---- */

/* 15 bytes each, so that their base64 is a beginning by itself. */
static const struct {
    struct span mark;
    enum chat_signer signer;
    bool redacted;
} marks[] = {
    {SPAN_LIT("lamplighter:an:"), CHAT_SIGNER_ANTHROPIC, false},
    {SPAN_LIT("lamplighter:ar:"), CHAT_SIGNER_ANTHROPIC, true},
    {SPAN_LIT("lamplighter:oa:"), CHAT_SIGNER_OPENAI, false},
    {SPAN_LIT("lamplighter:or:"), CHAT_SIGNER_OPENAI, true},
};

#define SIGNATURE_MAX ((size_t)16 << 20)

struct span gemini_sign(struct arena *a, struct span signature, enum chat_signer signer,
                        bool redacted)
{
    struct span ret = {NULL, 0}, bytes;
    struct buf b;

    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (marks[i].signer != signer || marks[i].redacted != redacted)
            continue;
        bytes = arena_join(a, (struct span[]){marks[i].mark, signature}, 2);
        buf_init(&b, SIGNATURE_MAX);
        if (span_has(bytes))
            base64_encode(&b, bytes);
        if (span_has(bytes) && buf_ok(&b))
            ret = arena_dup(a, buf_span(&b));
        buf_fini(&b);
        return ret;
    }
    return signature;
}

static void take_mark(struct chat_part *p, struct span bytes)
{
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        struct span mark = marks[i].mark;

        if (!span_starts(bytes, mark))
            continue;
        p->signature = span_of(bytes.p + mark.n, bytes.n - mark.n);
        p->signer = marks[i].signer;
        p->redacted = marks[i].redacted;
    }
}

bool gemini_is_no_signature(struct span s)
{
    return span_is(s, GEMINI_NO_SIGNATURE) || span_is(s, GEMINI_NO_SIGNATURE_BASE64);
}

int gemini_unsign(struct arena *a, struct chat_part *p, struct span written)
{
    struct span bytes;
    struct buf b;
    int rc = 0;

    if (gemini_is_no_signature(written))
        return 0;
    p->signature = written;
    p->signer = CHAT_SIGNER_GEMINI;
    if (!span_starts(written, SPAN_LIT(FOREIGN_BASE64)))
        return 0;
    buf_init(&b, SIGNATURE_MAX);
    if (base64_decode(&b, written) == 0) {
        bytes = buf_ok(&b) ? arena_dup(a, buf_span(&b)) : span_of(NULL, 0);
        take_mark(p, bytes);
        rc = span_has(bytes) ? 0 : -1;
    }
    buf_fini(&b);
    return rc;
}

/* ---- reasons ---- */

/* The first row that has it, both ways. */
static const struct {
    const char *reason;
    enum chat_stop stop;
} reasons[] = {
    {"STOP", CHAT_STOP_END},
    {"MAX_TOKENS", CHAT_STOP_LENGTH},
    {"SAFETY", CHAT_STOP_FILTER},
    {"RECITATION", CHAT_STOP_FILTER},
    {"LANGUAGE", CHAT_STOP_FILTER},
    {"BLOCKLIST", CHAT_STOP_FILTER},
    {"PROHIBITED_CONTENT", CHAT_STOP_FILTER},
    {"SPII", CHAT_STOP_FILTER},
    {"MODEL_ARMOR", CHAT_STOP_FILTER},
    {"IMAGE_SAFETY", CHAT_STOP_FILTER},
    {"IMAGE_PROHIBITED_CONTENT", CHAT_STOP_FILTER},
    {"IMAGE_RECITATION", CHAT_STOP_FILTER},
    /* only written */
    {"STOP", CHAT_STOP_NONE},
    {"STOP", CHAT_STOP_TEXT},
    {"STOP", CHAT_STOP_TOOL},
    {"SAFETY", CHAT_STOP_REFUSAL},
    {"OTHER", CHAT_STOP_PAUSE},
};

/* What no row has (OTHER, MALFORMED_FUNCTION_CALL, TOO_MANY_TOOL_CALLS, NO_IMAGE, and what is yet
 * to be invented) is the provider's end, not the model's: nobody else has a word for it, and a
 * client must not take it for a whole answer. */
enum chat_stop gemini_stop(struct span reason)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (span_is(reason, reasons[i].reason))
            return reasons[i].stop;
    return CHAT_STOP_FILTER;
}

const char *gemini_reason(enum chat_stop stop)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].stop == stop)
            return reasons[i].reason;
    return "OTHER";
}
