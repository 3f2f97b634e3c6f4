/*
 * openai_responses_convert.c - what the Responses API can say, and who says it.
 */
#include "dialect/openai/openai_responses_convert.h"
#include "dialect/convert_cite.h"
#include "dialect/convert_most.h"

#include "dialect/dialect.h"
#include "dialect/openai/openai_model.h"
#include "dialect/openai/openai_schema.h"

#define CREATE  "https://platform.openai.com/docs/api-reference/responses/create"
#define ANSWER  "https://platform.openai.com/docs/api-reference/responses/object"
#define FILES   "https://developers.openai.com/api/docs/guides/file-inputs"
#define CACHING "https://developers.openai.com/api/docs/guides/prompt-caching"
#define IMAGES  "https://platform.openai.com/docs/guides/tools-image-generation"
#define TOOLS_  "https://platform.openai.com/docs/guides/tools"

#define ROW(f, loss, how, page) [CHAT_HAS_##f] = {CHAT_HAS_##f, loss, how, page}
#define CARRY(f)                ROW(f, CARRIED, NULL, NULL)

static const struct convert_loss_row loss[CHAT_FEATURES] = {
    CARRY(SYSTEM),
    CARRY(DEVELOPER),
    CARRY(SYSTEM_LATER),
    ROW(SPEAKER, LOST, NULL, CREATE),
    CARRY(TEXT),
    CARRY(IMAGE_BASE64),
    CARRY(IMAGE_URL),
    CARRY(IMAGE_DETAIL),
    CARRY(DOCUMENT_BASE64),
    CARRY(DOCUMENT_URL),
    ROW(DOCUMENT_TEXT, PARTLY, "a file toward OpenAI; elsewhere as text, without its title", FILES),
    ROW(CITING, LOST, NULL, CREATE),
    ROW(DOCUMENT_CONTEXT, LOST, NULL, CREATE),
    ROW(AUDIO, LOST, NULL, CREATE),
    ROW(AUDIO_URL, LOST, NULL, CREATE),
    ROW(VIDEO, LOST, NULL, CREATE),
    ROW(FILE_ID, LOST, NULL, FILES),
    CARRY(TOOLS),
    ROW(TOOL_STRICT, PARTLY, OPENAI_SCHEMA_OF_TOOL, OPENAI_SCHEMA_PAGE),
    CARRY(TOOL_FREE),
    ROW(PROVIDER_TOOL, LOST, NULL, TOOLS_),
    CARRY(TOOL_CHOICE),
    ROW(TOOL_PARALLEL, PARTLY, OPENAI_PARALLEL, OPENAI_MODELS_PAGE),
    CARRY(TOOL_CALL),
    CARRY(TOOL_RESULT),
    CARRY(TOOL_RESULT_IMAGE),
    ROW(TOOL_RESULT_ERROR, LOST, NULL, CREATE),
    ROW(THINKING, PARTLY, "what the API has made itself goes back to it; none of others", CREATE),
    ROW(SIGNATURE, PARTLY, "what OpenAI has encrypted", CREATE),
    CARRY(REFUSAL),
    ROW(CITATIONS, PARTLY, "web pages by URL only, and none in a request", ANSWER),
    CARRY(JSON_OBJECT),
    ROW(JSON_SCHEMA, PARTLY, OPENAI_SCHEMA_OF_ANSWER, OPENAI_SCHEMA_PAGE),
    ROW(PREFILL, LOST, NULL, CREATE),
    ROW(AUDIO_OUT, LOST, NULL, CREATE),
    ROW(MODALITIES, LOST, NULL, CREATE),
    ROW(MAX_TOKENS, PARTLY, "at least 16, and " CONVERT_MOST, CREATE),
    ROW(TEMPERATURE, PARTLY, OPENAI_SAMPLING, OPENAI_MODELS_PAGE),
    ROW(TOP_P, PARTLY, OPENAI_SAMPLING, OPENAI_MODELS_PAGE),
    ROW(TOP_K, LOST, NULL, CREATE),
    ROW(STOP, LOST, NULL, CREATE),
    ROW(PENALTIES, LOST, NULL, CREATE),
    ROW(SEED, LOST, NULL, CREATE),
    ROW(LOGIT_BIAS, LOST, NULL, CREATE),
    ROW(LOGPROBS, PARTLY, OPENAI_SAMPLING, OPENAI_MODELS_PAGE),
    ROW(CHOICES, LOST, NULL, CREATE),
    ROW(EFFORT, PARTLY, "as a word; that it thinks, or does not, cannot be said without one",
        CREATE),
    ROW(BUDGET, PARTLY, "as an effort, where there is none beside it", CREATE),
    CARRY(VERBOSITY),
    ROW(METADATA, PARTLY, "labels that are an object", CREATE),
    ROW(USER, PARTLY, "as safety_identifier; what is longer than 128 bytes as its hash", CREATE),
    ROW(SERVICE_TIER, PARTLY, "only tiers that the API has a word for", CREATE),
    ROW(CACHE, PARTLY,
        "toward OpenAI's models since gpt-5.6; older ones find cached prefixes by themselves, and "
        "no "
        "model's own texts are marked",
        CACHING),
    CARRY(CACHE_KEY),
    CARRY(STORE),
    CARRY(PREVIOUS),
    ROW(OTHER, LOST, NULL, CREATE),
    CARRY(USAGE_CACHED),
    CARRY(USAGE_REASONING),
    ROW(STOP_SEQUENCE, LOST, NULL, ANSWER),
    ROW(MEDIA_OUT, LOST, NULL, IMAGES), /* there they are what a tool of the provider made */
};

const struct convert convert_openai_responses = {
    .name = "openai.responses",
    .dialect = &dialect_openai_responses,
    .signer = CHAT_SIGNER_OPENAI,
    .loss = loss,
    .names = &openai_responses_names,
    .read_request = openai_responses_read_request,
    .write_request = openai_responses_write_request,
    .reader_bytes = sizeof(struct openai_responses_reader),
    .writer_bytes = sizeof(struct openai_responses_writer),
    .read_event = openai_responses_read_event,
    .read_answer = openai_responses_read_answer,
    .write_event = openai_responses_write_event,
    .end = openai_responses_end,
    .write_answer = openai_responses_write_answer,
    .cites = convert_is_url_citation,
    .joins = true,
    .stand = openai_responses_stand,
    .go_on = openai_responses_go_on,
};
