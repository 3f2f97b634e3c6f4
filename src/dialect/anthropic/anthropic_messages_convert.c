/*
 * anthropic_messages_convert.c - Anthropic's messages among the dialects that are translated: what
 * they can say, and the words that requests and answers share.
 */
#include "dialect/convert_cite.h"
#include "dialect/convert_most.h"
#include "dialect/anthropic/anthropic_messages_convert.h"
#include "dialect/anthropic/claude.h"

#include "dialect/convert_write.h"
#include "dialect/dialect.h"

#define DOCS     "https://platform.claude.com/docs/en/"
#define STRICT   DOCS "build-with-claude/structured-outputs"
#define LATER    DOCS "build-with-claude/mid-conversation-system-messages"
#define MESSAGES DOCS "api/messages/create"
#define OPENAI   DOCS "api/openai-sdk"
#define THINKS   DOCS "build-with-claude/extended-thinking"
#define EFFORTS  DOCS "build-with-claude/effort"
#define PDFS     DOCS "build-with-claude/pdf-support"
#define FILES    DOCS "build-with-claude/files"
#define TIERS    DOCS "api/service-tiers"
#define FORMATS  DOCS "build-with-claude/structured-outputs"
#define TOOL_USE DOCS "agents-and-tools/tool-use/overview"
#define CITING   DOCS "build-with-claude/citations"
#define PREFILLS DOCS "api/errors#prefill-not-supported"
#define FORCING  DOCS "models/opus-5-5/migration-guide"

const struct convert_charset anthropic_messages_names = {.max = 128};
const struct convert_charset anthropic_messages_ids = {.max = 128};

/* ---- why an answer ended ---- */

/* The first row of a word, and of a stop, is what the other is read and written as. */
static const struct {
    const char *word;
    enum chat_stop stop;
} stops[] = {
    {"end_turn", CHAT_STOP_END},
    {"max_tokens", CHAT_STOP_LENGTH},
    {"stop_sequence", CHAT_STOP_TEXT},
    {"tool_use", CHAT_STOP_TOOL},
    {"refusal", CHAT_STOP_REFUSAL},
    {"refusal", CHAT_STOP_FILTER},
    {"pause_turn", CHAT_STOP_PAUSE},
    {"compaction", CHAT_STOP_PAUSE},
    {"model_context_window_exceeded", CHAT_STOP_LENGTH},
};

enum chat_stop anthropic_messages_stop(struct span word)
{
    for (size_t i = 0; i < ARRAY_LEN(stops); i++)
        if (span_is(word, stops[i].word))
            return stops[i].stop;
    return CHAT_STOP_END;
}

const char *anthropic_messages_stop_word(enum chat_stop stop)
{
    for (size_t i = 0; i < ARRAY_LEN(stops); i++)
        if (stops[i].stop == stop)
            return stops[i].word;
    return stops[0].word;
}

/* ---- JSON ---- */

int anthropic_messages_object(struct span text, struct err *e)
{
    struct json_tree t = {0};
    int rc = json_tree_read(&t, text, e);

    if (rc == 0 && !yyjson_is_obj(t.root))
        rc = err_set(e, ERR_PROTOCOL, "it is not a JSON object");
    json_tree_fini(&t);
    return rc;
}

bool anthropic_messages_is_citation(yyjson_val *citation)
{
    static const char *const types[] = {"char_location", "page_location", "content_block_location",
                                        "search_result_location", "web_search_result_location"};
    struct span type = json_get_text(citation, "type");

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (span_is(type, types[i]))
            return true;
    return false;
}

struct citing {
    struct json_write *w;
    bool begun;
};

static int cite(void *arg, yyjson_val *v, struct err *e)
{
    struct citing *c = arg;

    UNUSED(e);
    if (!anthropic_messages_is_citation(v))
        return 0;
    if (!c->begun) {
        json_key(c->w, "citations");
        json_begin_array(c->w);
        c->begun = true;
    }
    convert_write_tree(c->w, v);
    return 0;
}

int anthropic_messages_cite(struct json_write *w, struct span items, struct err *e)
{
    struct citing c = {w, false};

    if (span_has(items) && convert_cites(items, cite, &c, e) < 0)
        return -1;
    if (c.begun)
        json_end_array(w);
    return c.begun;
}

/* ---- the dialect ---- */

/* clang-format off */
#define CARRY(id)            [CHAT_HAS_##id] = {CHAT_HAS_##id, CARRIED, NULL, NULL}
#define NEARLY(id, how, url) [CHAT_HAS_##id] = {CHAT_HAS_##id, APPROXIMATE, how, url}
#define PART(id, how, url)   [CHAT_HAS_##id] = {CHAT_HAS_##id, PARTLY, how, url}
#define LOSE(id, url)        [CHAT_HAS_##id] = {CHAT_HAS_##id, LOST, NULL, url}

static const struct convert_loss_row loss[CHAT_FEATURES] = {
    CARRY(SYSTEM),
    NEARLY(DEVELOPER, "a block of the system prompt", OPENAI),
    PART(SYSTEM_LATER, "toward models since Opus 4.8, between a user's message and its answer; else a block of the system prompt", LATER),
    LOSE(SPEAKER, MESSAGES),
    CARRY(TEXT),
    CARRY(IMAGE_BASE64),
    CARRY(IMAGE_URL),
    LOSE(IMAGE_DETAIL, MESSAGES),
    PART(DOCUMENT_BASE64, "PDF, and texts as such; a target is not asked for others", PDFS),
    CARRY(DOCUMENT_URL),
    CARRY(DOCUMENT_TEXT),
    CARRY(CITING),
    CARRY(DOCUMENT_CONTEXT),
    LOSE(AUDIO, MESSAGES),
    LOSE(AUDIO_URL, MESSAGES),
    LOSE(VIDEO, MESSAGES),
    LOSE(FILE_ID, FILES),
    CARRY(TOOLS),
    PART(TOOL_STRICT, "where the schema has what the API refuses, or only the client's API would have held to it without a word, the tool is not strict", STRICT),
    LOSE(TOOL_FREE, TOOL_USE),
    LOSE(PROVIDER_TOOL, TOOL_USE),
    PART(TOOL_CHOICE, "Opus 5.5, Sonnet 5.5, Fable and Mythos since 5.1 are not asked for a call that must be", FORCING),
    CARRY(TOOL_PARALLEL),
    CARRY(TOOL_CALL),
    CARRY(TOOL_RESULT),
    CARRY(TOOL_RESULT_IMAGE),
    CARRY(TOOL_RESULT_ERROR),
    PART(THINKING, "in requests only what the target has signed", THINKS),
    PART(SIGNATURE, "what Anthropic has signed", THINKS),
    NEARLY(REFUSAL, "text; an answer that holds one ends with stop_reason refusal", MESSAGES),
    PART(CITATIONS, "those of the dialect's own kinds", CITING),
    NEARLY(JSON_OBJECT, "a sentence of the system prompt", FORMATS),
    PART(JSON_SCHEMA, "objects are closed, oneOf is anyOf; of a schema with what the API refuses the target is not asked",
         STRICT),
    PART(PREFILL, "models since 4.6 are not asked", PREFILLS),
    LOSE(AUDIO_OUT, MESSAGES),
    LOSE(MODALITIES, MESSAGES),
    PART(MAX_TOKENS, CONVERT_MOST, DOCS "models"),
    PART(TEMPERATURE, "at most 1; left out toward models that refuse it, and with thinking", OPENAI),
    PART(TOP_P, "left out toward models that refuse it, or refuse it beside a temperature, and with thinking", MESSAGES),
    PART(TOP_K, "left out toward models that refuse it, and with thinking", MESSAGES),
    PART(STOP, "those of nothing but white space are left out", OPENAI),
    LOSE(PENALTIES, OPENAI),
    LOSE(SEED, OPENAI),
    LOSE(LOGIT_BIAS, OPENAI),
    LOSE(LOGPROBS, OPENAI),
    LOSE(CHOICES, OPENAI),
    PART(EFFORT, "adaptive thinking, or a budget toward models without it; minimal is low, and so is none where a model always thinks", EFFORTS),
    PART(BUDGET, "an effort toward models without budgets; at least 1024, below max_tokens", THINKS),
    LOSE(VERBOSITY, MESSAGES),
    LOSE(METADATA, MESSAGES),
    CARRY(USER),
    PART(SERVICE_TIER, "auto, also for priority and fast; standard_only for default; others are left out", TIERS),
    CARRY(CACHE),
    LOSE(CACHE_KEY, MESSAGES),
    LOSE(STORE, OPENAI),
    LOSE(PREVIOUS, MESSAGES),
    LOSE(OTHER, MESSAGES),
    CARRY(USAGE_CACHED),
    CARRY(USAGE_REASONING),
    CARRY(STOP_SEQUENCE),
    LOSE(MEDIA_OUT, MESSAGES),
};
/* clang-format on */

const struct convert convert_anthropic_messages = {
    .name = "anthropic.messages",
    .dialect = &dialect_anthropic_messages,
    .signer = CHAT_SIGNER_ANTHROPIC,
    .loss = loss,
    .names = &anthropic_messages_names,
    .read_request = anthropic_messages_read_request,
    .write_request = anthropic_messages_write_request,
    .reader_bytes = sizeof(struct anthropic_messages_reader),
    .writer_bytes = sizeof(struct anthropic_messages_writer),
    .read_event = anthropic_messages_read_event,
    .read_answer = anthropic_messages_read_answer,
    .write_event = anthropic_messages_write_event,
    .end = anthropic_messages_end,
    .write_answer = anthropic_messages_write_answer,
    .write_join = anthropic_messages_write_join,
    .cites = anthropic_messages_is_citation,
    .goes_on = claude_goes_on,
    .joins = true,
};
