/*
 * Goal: what clients of other dialects ask reaches Converse in its words, and what it answers is
 * told as it was meant, streamed or whole; what cannot be said is refused by its place; no lack of
 * memory does harm.
 * Method: rows of JSON and what becomes of it, as JSON, as a list of features, or as events in
 * text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../conformance/chat_text.h"
#include "base/mem.h"
#include "dialect/bedrock/bedrock_converse_convert.h"

#define C      (&convert_bedrock_converse)
#define BUDGET ((size_t)1 << 20)

struct request {
    struct json_tree t;
    struct arena a;
    struct chat_request q;
};

static int read_request(struct request *r, const struct convert *c, const char *json, struct err *e)
{
    memset(r, 0, sizeof(*r));
    arena_init(&r->a, BUDGET);
    r->q.arena = &r->a;
    return json_tree_read(&r->t, span_str(json), e) < 0 ? -1 : c->read_request(&r->q, r->t.root, e);
}

static void free_request(struct request *r)
{
    json_tree_fini(&r->t);
    arena_fini(&r->a);
}

static void same(const char *name, const struct buf *got, const char *want)
{
    if (!span_is(buf_span(got), want))
        fail_msg("'%s': got\n%.*s\nnot\n%s", name, SPAN_FMT(buf_span(got)), want);
}

static void features(struct buf *out, const struct chat_request *q)
{
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++)
        if (q->has & CHAT_BIT(f))
            buf_printf(out, "%s%s", out->n ? " " : "", chat_feature_row(f)->word);
    for (const struct chat_text *t = q->others; t; t = t->next)
        buf_printf(out, " %.*s", SPAN_FMT(t->s));
}

/* ---- there and back ---- */

#define SAID(role, blocks) "{\"role\":\"" role "\",\"content\":[" blocks "]}"
#define HI                 SAID("user", "{\"text\":\"hi\"}")
#define TALK(more)         "{\"messages\":[" HI more "]"
#define SPEC(more)                                                                                 \
    "{\"toolSpec\":{\"name\":\"f\",\"description\":\"d\",\"inputSchema\":{\"json\":{\"type\":"     \
    "\"object\"}}" more "}}"
#define TOOLS(choice) "\"toolConfig\":{\"tools\":[" SPEC("") "]" choice "}"
#define CALL                                                                                       \
    "{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":{\"n\":9007199254740993}}}"
#define RESULT(more) "{\"toolResult\":{\"toolUseId\":\"t1\",\"content\":[{\"text\":\"r\"}" more "}}"
#define MODEL_CLAUDE "us.anthropic.claude-3-7-sonnet-20250219-v1:0"

/* clang-format off */
/* out NULL: as it came in. */
static const struct {
    const char *name, *in, *out, *features;
} requests[] = {
    {"text", TALK("") "}", NULL, "text"},
    {"system and inference",
     "{\"system\":[{\"text\":\"s\"},{\"cachePoint\":{\"type\":\"default\"}}],\"messages\":[" HI "],\"inferenceConfig\":{\"maxTokens\":9,\"temperature\":0.50,\"topP\":0.9,\"stopSequences\":[\"x\"]}}",
     "{\"system\":[{\"text\":\"s\"},{\"cachePoint\":{\"type\":\"default\"}}],\"messages\":[" HI "],\"inferenceConfig\":{\"maxTokens\":9,\"temperature\":0.50,\"topP\":0.9,\"stopSequences\":[\"x\"]},\"additionalModelResponseFieldPaths\":[\"/stop_sequence\"]}",
     "system text max-tokens temperature top-p stop cache"},
    {"a cached prefix with its life", "{\"messages\":[" SAID("user", "{\"text\":\"hi\"},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}") "]}", NULL, "text cache"},
    {"media",
     "{\"messages\":[" SAID("user", "{\"image\":{\"format\":\"jpeg\",\"source\":{\"bytes\":\"aGk=\"}}},{\"document\":{\"format\":\"pdf\",\"name\":\"my-file\",\"source\":{\"bytes\":\"aGk=\"}}},{\"audio\":{\"format\":\"wav\",\"source\":{\"bytes\":\"aGk=\"}}},{\"video\":{\"format\":\"mp4\",\"source\":{\"bytes\":\"aGk=\"}}}") "]}",
     NULL, "image document audio video"},
    {"names of documents are unlike, plain ones are bytes",
     "{\"messages\":[" SAID("user", "{\"document\":{\"format\":\"txt\",\"name\":\"a.b\",\"source\":{\"text\":\"hi\"}}},{\"document\":{\"format\":\"csv\",\"source\":{\"bytes\":\"aGk=\"}}}") "]}",
     "{\"messages\":[" SAID("user", "{\"document\":{\"format\":\"txt\",\"name\":\"a-b\",\"source\":{\"bytes\":\"aGk=\"}}},{\"document\":{\"format\":\"csv\",\"name\":\"document 2\",\"source\":{\"bytes\":\"aGk=\"}}}") "]}",
     "document document-text"},
    {"what is known of a document, and that it is to be cited",
     "{\"messages\":[" SAID("user", "{\"document\":{\"format\":\"pdf\",\"name\":\"d\",\"source\":{\"bytes\":\"aGk=\"},\"context\":\"c\",\"citations\":{\"enabled\":true}}}") "]}", NULL, "document citing document-context"},
    {"calls and results", TALK("," SAID("assistant", CALL) "," SAID("user", RESULT("],\"status\":\"error\""))) "," TOOLS("") "}", NULL, "text tools tool-call tool-result tool-result-error"},
    {"a result with JSON and an image",
     TALK("," SAID("assistant", CALL) "," SAID("user", RESULT(",{\"json\":{\"a\":1}},{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"aGk=\"}}}],\"status\":\"success\""))) "," TOOLS("") "}",
     TALK("," SAID("assistant", CALL) "," SAID("user", RESULT(",{\"text\":\"{\\\"a\\\":1}\"},{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"aGk=\"}}}]"))) "," TOOLS("") "}",
     "text image tools tool-call tool-result tool-result-image"},
    {"results stand in front",
     TALK("," SAID("assistant", CALL) "," SAID("user", "{\"text\":\"and\"}," RESULT("]"))) "," TOOLS("") "}",
     TALK("," SAID("assistant", CALL) "," SAID("user", RESULT("]") ",{\"text\":\"and\"}")) "," TOOLS("") "}",
     "text tools tool-call tool-result"},
    {"auto", TALK("") "," TOOLS(",\"toolChoice\":{\"auto\":{}}") "}", NULL, "text tools"},
    {"any", TALK("") "," TOOLS(",\"toolChoice\":{\"any\":{}}") "}", NULL, "text tools tool-choice"},
    {"one", TALK("") "," TOOLS(",\"toolChoice\":{\"tool\":{\"name\":\"f\"}}") "}", NULL, "text tools tool-choice"},
    {"strict and cached", TALK("") ",\"toolConfig\":{\"tools\":[" SPEC(",\"strict\":true") ",{\"cachePoint\":{\"type\":\"default\"}}]}}",
     TALK("") ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"description\":\"d\",\"inputSchema\":{\"json\":{\"additionalProperties\":false,\"type\":\"object\"}},\"strict\":true}},{\"cachePoint\":{\"type\":\"default\"}}]}}", "text tools tool-strict cache"},
    {"signed thinking",
     TALK("," SAID("assistant", "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"t\",\"signature\":\"c2ln\"}}},{\"reasoningContent\":{\"redactedContent\":\"RXU4\"}}")) "}",
     NULL, "text thinking signature prefill"},
    {"thinking that nobody signed, and of somebody else",
     TALK("," SAID("assistant", "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"t\"}}},{\"reasoningContent\":{\"redactedContent\":\"/w==\"}},{\"text\":\"a\"}")) "}",
     TALK("," SAID("assistant", "{\"text\":\"a\"}")) "}", "text thinking prefill"},
    {"a schema, which is a text",
     TALK("") ",\"outputConfig\":{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":{\"schema\":\"{\\\"type\\\":\\\"string\\\"}\",\"name\":\"n\",\"description\":\"d\"}}}}}", NULL, "text json-schema"},
    {"labels and a tier",
     TALK("") ",\"requestMetadata\":{\"a b\":\"c@d\",\"e\":\"f!\",\"g\":1},\"serviceTier\":{\"type\":\"flex\"}}",
     TALK("") ",\"requestMetadata\":{\"a b\":\"c@d\"},\"serviceTier\":{\"type\":\"flex\"}}", "text metadata service-tier"},
    {"Claude's own fields",
     TALK("") ",\"inferenceConfig\":{\"maxTokens\":4000},\"additionalModelRequestFields\":{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}}}", NULL, "text max-tokens budget"},
    {"what nobody else has",
     "{\"guardrailConfig\":{},\"messages\":[" SAID("user", "{\"guardContent\":{\"text\":{\"text\":\"hi\",\"qualifiers\":[]}}}") "],\"additionalModelRequestFields\":{\"x\":1}}",
     "{\"messages\":[" HI "]}", "text other guardrailConfig messages[0].content[0].guardContent.text.qualifiers additionalModelRequestFields.x"},
    {"a tool of the provider's", TALK("") ",\"toolConfig\":{\"tools\":[{\"systemTool\":{\"name\":\"nova_grounding\"}}]}}", TALK("") "}", "text provider-tool"},
};

static const struct {
    const char *in, *why;
} bad[] = {
    {"[]", "the body: an object is wanted"},
    {"{}", "messages: a list of messages is wanted"},
    {"{\"messages\":{}}", "messages: a list of messages is wanted"},
    {"{\"messages\":[{\"role\":\"system\",\"content\":[]}]}", "messages[0].role: user or assistant is wanted"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", "messages[0].content: a list of blocks is wanted"},
    {"{\"messages\":[" SAID("user", "1") "]}", "messages[0].content[0]: an object is wanted"},
    {"{\"messages\":[" SAID("user", "{\"what\":{}}") "]}", "messages[0].content[0]: a block that is known here is wanted"},
    {"{\"messages\":[" SAID("user", CALL) "]}", "messages[0].content[0]: a block that is known here is wanted"},
    {"{\"messages\":[" SAID("user", "{\"text\":1}") "]}", "messages[0].content[0].text: a string is wanted"},
    {"{\"messages\":[" SAID("user", "{\"image\":{\"format\":\"png\"}}") "]}", "messages[0].content[0].image: it has no source"},
    {"{\"messages\":[" SAID("assistant", "{\"toolUse\":{\"name\":\"f\",\"input\":{}}}") "]}", "messages[0].content[0].toolUse: a toolUseId and a name are wanted"},
    {"{\"messages\":[" SAID("assistant", "{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"f\",\"input\":\"{}\"}}") "]}", "messages[0].content[0].toolUse.input: an object is wanted"},
    {TALK("") ",\"toolConfig\":{\"toolChoice\":{}}}", "toolConfig.toolChoice: auto, any or tool is wanted"},
    {TALK("") ",\"inferenceConfig\":{\"maxTokens\":\"9\"}}", "inferenceConfig.maxTokens: a number is wanted"},
};
/* clang-format on */

static const struct convert_to claude = {.model = {MODEL_CLAUDE, sizeof(MODEL_CLAUDE) - 1},
                                         .signer = CHAT_SIGNER_ANTHROPIC};

static void requests_are_read_and_written(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct request r;
        struct buf json, has;
        struct err e;

        buf_init(&json, BUDGET);
        buf_init(&has, BUDGET);
        if (read_request(&r, C, requests[i].in, &e) < 0 ||
            C->write_request(&json, &r.q, &claude, &e) < 0)
            fail_msg("'%s': %s", requests[i].name, e.text);
        same(requests[i].name, &json, requests[i].out ? requests[i].out : requests[i].in);
        features(&has, &r.q);
        same(requests[i].name, &has, requests[i].features);
        free_request(&r);
        buf_fini(&json);
        buf_fini(&has);
    }
}

/* In every dialect that has the system prompt in a key of its own, whatever stands before that. */
static void the_system_prompt_comes_first(void **state)
{
    static const struct {
        const struct convert *c;
        const char *json;
    } said[] = {
        {&convert_bedrock_converse, TALK("") ",\"system\":[{\"text\":\"s\"}]}"},
        {&convert_anthropic_messages, "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
                                      "\"content\":\"hi\"}],\"system\":\"s\"}"},
        {&convert_gemini_generate, "{\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}],"
                                   "\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]}}"},
        {&convert_openai_responses, "{\"input\":\"hi\",\"instructions\":\"s\"}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        struct request r;
        struct err e;

        if (read_request(&r, said[i].c, said[i].json, &e) < 0)
            fail_msg("%s: %s", said[i].json, e.text);
        assert_non_null(r.q.messages);
        assert_true(chat_is_system(r.q.messages));
        assert_non_null(r.q.messages->next);
        assert_int_equal(r.q.messages->next->role, CHAT_ROLE_USER);
        free_request(&r);
    }
}

static void others_are_refused_by_their_place(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct request r;
        struct err e;

        if (read_request(&r, C, bad[i].in, &e) == 0)
            fail_msg("row %zu was taken", i);
        assert_string_equal(e.text, bad[i].why);
        assert_int_equal(e.code, ERR_PROTOCOL);
        free_request(&r);
    }
}

/* ---- requests of others ---- */

#define CHAT(more)  "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" more "}"
#define OUT(more)   "{\"messages\":[" HI "]" more "}"
#define FIELDS(in)  OUT(",\"additionalModelRequestFields\":{" in "}")
#define F           "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"
#define USER_HI     "{\"role\":\"user\",\"content\":\"hi\"}"
#define MODEL_NEW   "global.anthropic.claude-opus-4-7-v1"
#define MODEL_NOVA  "us.amazon.nova-pro-v1:0"
#define MODEL_NOVA2 "us.amazon.nova-2-lite-v1:0"
#define MODEL_OSS   "openai.gpt-oss-120b-1:0"
#define MODEL_ELSE  "us.meta.llama4-maverick-17b-instruct-v1:0"

/* clang-format off */
/* What models take differs: out NULL: it cannot be said, and why. */
static const struct {
    const char *model, *in, *out, *why;
} asked[] = {
    {MODEL_ELSE, CHAT(",\"reasoning_effort\":\"high\",\"temperature\":1.5"), OUT(",\"inferenceConfig\":{\"temperature\":1}"), NULL},
    {MODEL_CLAUDE, CHAT(",\"temperature\":0.5,\"top_p\":0.5"), OUT(",\"inferenceConfig\":{\"temperature\":0.5,\"topP\":0.5}"), NULL},
    {MODEL_NEW, CHAT(",\"temperature\":0.5"), OUT(""), NULL},
    {MODEL_CLAUDE, CHAT(",\"reasoning_effort\":\"low\""), FIELDS("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}"), NULL},
    {MODEL_NEW, CHAT(",\"reasoning_effort\":\"low\""), FIELDS("\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"low\"}"), NULL},
    {MODEL_NOVA2, CHAT(",\"reasoning_effort\":\"xhigh\""), FIELDS("\"reasoningConfig\":{\"type\":\"enabled\",\"maxReasoningEffort\":\"high\"}"), NULL},
    {MODEL_NOVA2, CHAT(",\"reasoning_effort\":\"high\",\"max_tokens\":9"), OUT(",\"inferenceConfig\":{\"maxTokens\":9},\"additionalModelRequestFields\":{\"reasoningConfig\":{\"type\":\"enabled\",\"maxReasoningEffort\":\"medium\"}}"), NULL},
    {MODEL_NOVA2, CHAT(",\"reasoning_effort\":\"high\",\"temperature\":0.5,\"top_p\":0.5,\"top_k\":5"), FIELDS("\"reasoningConfig\":{\"type\":\"enabled\",\"maxReasoningEffort\":\"high\"}"), NULL},
    {MODEL_NOVA2, CHAT(",\"reasoning_effort\":\"low\",\"max_tokens\":9,\"temperature\":0.5"), OUT(",\"inferenceConfig\":{\"maxTokens\":9,\"temperature\":0.5},\"additionalModelRequestFields\":{\"reasoningConfig\":{\"type\":\"enabled\",\"maxReasoningEffort\":\"low\"}}"), NULL},
    {MODEL_NOVA2, CHAT(",\"temperature\":0.5"), OUT(",\"inferenceConfig\":{\"temperature\":0.5}"), NULL},
    {MODEL_NOVA2, CHAT(",\"reasoning_effort\":\"none\""), OUT(""), NULL},
    {MODEL_NOVA, CHAT(",\"reasoning_effort\":\"low\""), OUT(""), NULL},
    {MODEL_OSS, CHAT(",\"reasoning_effort\":\"minimal\""), FIELDS("\"reasoning_effort\":\"low\""), NULL},
    {MODEL_ELSE, CHAT(",\"response_format\":{\"type\":\"json_object\"}"), "{\"system\":[{\"text\":\"Answer with one JSON object and nothing else.\"}],\"messages\":[" HI "]}", NULL},
    {MODEL_ELSE, CHAT("," F), OUT(",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}]}"), NULL},
    {MODEL_ELSE, CHAT("," F ",\"tool_choice\":\"none\""), OUT(""), NULL},
    {MODEL_ELSE, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"t\",\"content\":\"r\"}]}", NULL, "tools: calls without tools cannot be said"},
    {MODEL_ELSE, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"t\",\"content\":\"r\"}]," F "}", NULL, "messages[1]: the arguments of a call of 'f' are no JSON object"},
    {MODEL_ELSE, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/tiff;base64,aGk=\"}}]}]}", NULL, "messages[0]: image of type 'image/tiff' cannot be said"},
    {MODEL_ELSE, "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"}]}", NULL, "messages: a message beside the system prompt is wanted"},
    {MODEL_NEW, "{\"model\":\"m\",\"messages\":[" USER_HI ",{\"role\":\"assistant\",\"content\":\"a\"}]}", NULL, "messages: this model does not go on from a beginning of its answer"},
    {MODEL_ELSE, CHAT(",\"stop\":[\" \",\"x\"]"), OUT(",\"inferenceConfig\":{\"stopSequences\":[\"x\"]}"), NULL},
};
/* clang-format on */

static void a_request_is_said_as_the_model_knows_it(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct convert_to to = {.model = span_str(asked[i].model), .signer = C->signer};
        struct request r;
        struct buf json;
        struct err e;

        buf_init(&json, BUDGET);
        if (read_request(&r, &convert_openai_chat, asked[i].in, &e) < 0)
            fail_msg("row %zu: %s", i, e.text);
        assert_int_equal(C->write_request(&json, &r.q, &to, &e), asked[i].out ? 0 : -1);
        if (asked[i].out)
            same(asked[i].model, &json, asked[i].out);
        else
            assert_string_equal(e.text, asked[i].why);
        free_request(&r);
        buf_fini(&json);
    }
}

static void top_k_is_a_field_of_the_model(void **state)
{
    static const struct {
        const char *model, *want;
    } rows[] = {
        {MODEL_CLAUDE, FIELDS("\"top_k\":5")},
        {MODEL_NEW, OUT("")},
        {MODEL_NOVA, FIELDS("\"inferenceConfig\":{\"topK\":5}")},
        {MODEL_ELSE, OUT("")},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct convert_to to = {.model = span_str(rows[i].model)};
        struct request r;
        struct buf json;
        struct err e;

        buf_init(&json, BUDGET);
        assert_int_equal(read_request(&r, C, FIELDS("\"top_k\":5"), &e), 0);
        assert_int_equal(C->write_request(&json, &r.q, &to, &e), 0);
        same(rows[i].model, &json, rows[i].want);
        free_request(&r);
        buf_fini(&json);
    }
}

/* ---- answers ---- */

struct telling {
    struct arena a;
    struct buf out;
    struct convert_reader r;
};

static int tell(void *arg, const struct chat_event *ev, struct err *e)
{
    struct telling *t = arg;

    UNUSED(e);
    chat_text_event(&t->out, ev);
    return 0;
}

static void telling_begin(struct telling *t)
{
    arena_init(&t->a, BUDGET);
    buf_init(&t->out, BUDGET);
    t->r = (struct convert_reader){
        .c = C, .own = arena_zalloc(&t->a, C->reader_bytes), .arena = &t->a, .sink = {tell, t}};
    assert_non_null(t->r.own);
}

static void telling_end(struct telling *t)
{
    arena_fini(&t->a);
    buf_fini(&t->out);
}

/* Events: "name data" a line. */
static int tell_stream(struct telling *t, const char *lines, struct err *e)
{
    struct span rest = span_str(lines);
    int rc = 0;

    while (rc == 0 && span_has(rest)) {
        struct span data = span_cut(&rest, '\n'), name = span_cut(&data, ' ');
        struct json_tree tree = {0};

        rc = json_tree_read(&tree, data, e);
        if (rc == 0)
            rc = C->read_event(&t->r, name, tree.root, e);
        json_tree_fini(&tree);
    }
    return rc;
}

static int tell_whole(struct telling *t, const char *json, struct err *e)
{
    struct json_tree tree = {0};
    int rc = json_tree_read(&tree, span_str(json), e);

    if (rc == 0)
        rc = C->read_answer(&t->r, tree.root, e);
    json_tree_fini(&tree);
    return rc;
}

#define START           "messageStart {\"role\":\"assistant\",\"p\":\"ab\"}\n"
#define DELTA(at, said) "contentBlockDelta {\"contentBlockIndex\":" at ",\"delta\":{" said "}}\n"
#define STOP(at)        "contentBlockStop {\"contentBlockIndex\":" at "}\n"
#define BEGIN(at, what) "contentBlockStart {\"contentBlockIndex\":" at ",\"start\":{" what "}}\n"
#define END(why)        "messageStop {\"stopReason\":\"" why "\"}\n"
#define COUNTS                                                                                     \
    "\"usage\":{\"inputTokens\":3,\"outputTokens\":2,\"cacheReadInputTokens\":4,"                  \
    "\"cacheWriteInputTokens\":5}"
#define META   "metadata {" COUNTS "}"
#define CALLED "\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\"}"
#define WHOLE(in)                                                                                  \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[" in "]}},"                     \
    "\"stopReason\":\"end_turn\"," COUNTS "}"
#define PAGE                                                                                       \
    "\"title\":\"d\",\"sourceContent\":[{\"text\":\"q\"}],\"location\":{\"documentPage\":{"        \
    "\"documentIndex\":0,\"start\":1,\"end\":2}}"
#define USED "0.0 usage in=12 out=2 cached=4 reasoning=0\n"

/* clang-format off */
static const struct {
    const char *name, *in, *want;
} streams[] = {
    {"text, and usage behind the end", START DELTA("0", "\"text\":\"a\"") DELTA("0", "\"text\":\"b\"") STOP("0") END("end_turn") META,
     "0.0 start\n0.0 part text\n0.0 delta text='a'\n0.0 delta text='b'\n0.0 end\n0.0 finish end\n" USED},
    {"thinking, signed and sealed",
     START DELTA("0", "\"reasoningContent\":{\"text\":\"t\"}") DELTA("0", "\"reasoningContent\":{\"signature\":\"c2ln\"}") STOP("0")
     DELTA("1", "\"reasoningContent\":{\"redactedContent\":\"RXU4\"}") STOP("1") END("end_turn") META,
     "0.0 start\n0.0 part thinking\n0.0 delta text='t'\n0.0 sign signature='c2ln'\n0.0 end\n0.1 part thinking\n0.1 sign signature='Eu8'\n0.1 end\n0.0 finish end\n" USED},
    {"two calls, one without a word",
     START BEGIN("0", CALLED) DELTA("0", "\"toolUse\":{\"input\":\"{\\\"a\\\"\"}") DELTA("0", "\"toolUse\":{\"input\":\":1}\"}") STOP("0") BEGIN("1", CALLED) STOP("1") END("tool_use") META,
     "0.0 start\n0.0 part call id='t1' name='f'\n0.0 delta text='{\"a\"'\n0.0 delta text=':1}'\n0.0 end\n0.1 part call id='t1' name='f'\n0.1 end\n0.0 finish tool\n" USED},
    {"calls of the provider's tools are nobody's",
     START BEGIN("0", "\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"g\",\"type\":\"server_tool_use\"}") DELTA("0", "\"toolUse\":{\"input\":\"{}\"}") STOP("0")
     BEGIN("1", "\"toolResult\":{\"toolUseId\":\"t1\"}") DELTA("1", "\"toolResult\":[{\"text\":\"x\"}]") STOP("1") DELTA("2", "\"text\":\"a\"") STOP("2") END("end_turn") META,
     "0.0 start\n0.0 part text\n0.0 delta text='a'\n0.0 end\n0.0 finish end\n" USED},
    {"a block that nobody ends", START DELTA("0", "\"text\":\"a\"") DELTA("1", "\"text\":\"b\"") END("max_tokens") META,
     "0.0 start\n0.0 part text\n0.0 delta text='a'\n0.0 end\n0.1 part text\n0.1 delta text='b'\n0.1 end\n0.0 finish length\n" USED},
    {"a citation", START DELTA("0", "\"text\":\"a\"") DELTA("0", "\"citation\":{" PAGE "}") STOP("0") END("end_turn") META,
     "0.0 start\n0.0 part text\n0.0 delta text='a'\n0.0 cite text='{\"type\":\"page_location\",\"cited_text\":\"q\",\"document_index\":0,\"document_title\":\"d\",\"start_page_number\":1,\"end_page_number\":2}'\n0.0 end\n0.0 finish end\n" USED},
    {"one of the web has no words for others", START DELTA("0", "\"citation\":{\"location\":{\"web\":{\"url\":\"u\"}}}") STOP("0") END("end_turn") META,
     "0.0 start\n0.0 finish end\n" USED},
    {"what is yet to come", START "somethingNew {\"a\":1}\n" DELTA("0", "\"new\":{}") END("guardrail_intervened") META,
     "0.0 start\n0.0 finish filter\n" USED},
    {"a call that cannot be read", START END("malformed_tool_use") META, "0.0 start\n0.0 finish filter\n" USED},
}, wholes[] = {
    {"all kinds of blocks",
     WHOLE("{\"reasoningContent\":{\"reasoningText\":{\"text\":\"t\",\"signature\":\"c2ln\"}}},{\"text\":\"a\"},{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"f\",\"input\":{\"n\":9007199254740993}}},{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"aGk=\"}}}"),
     "0.0 start\n0.0 part thinking\n0.0 delta text='t'\n0.0 sign signature='c2ln'\n0.0 end\n0.1 part text\n0.1 delta text='a'\n0.1 end\n0.2 part call id='t1' name='f'\n0.2 delta text='{\"n\":9007199254740993}'\n0.2 end\n"
     "0.3 part media kind=0 source=0 type='image/png' data='aGk='\n0.3 end\n0.0 finish end\n" USED},
    {"citations with their text", WHOLE("{\"citationsContent\":{\"content\":[{\"text\":\"a\"},{\"text\":\"b\"}],\"citations\":[{" PAGE "}]}}"),
     "0.0 start\n0.0 part text\n0.0 delta text='a'\n0.0 delta text='b'\n0.0 cite text='{\"type\":\"page_location\",\"cited_text\":\"q\",\"document_index\":0,\"document_title\":\"d\",\"start_page_number\":1,\"end_page_number\":2}'\n0.0 end\n0.0 finish end\n" USED},
    {"of a search", WHOLE("{\"citationsContent\":{\"content\":[{\"text\":\"a\"}],\"citations\":[{\"title\":\"t\",\"source\":\"https://h\",\"sourceContent\":[{\"text\":\"q\"}],\"location\":{\"searchResultLocation\":{\"searchResultIndex\":1,\"start\":0,\"end\":1}}}]}}"),
     "0.0 start\n0.0 part text\n0.0 delta text='a'\n0.0 cite text='{\"type\":\"search_result_location\",\"cited_text\":\"q\",\"search_result_index\":1,\"source\":\"https://h\",\"title\":\"t\",\"start_block_index\":0,\"end_block_index\":1}'\n0.0 end\n0.0 finish end\n" USED},
    {"nothing", WHOLE(""), "0.0 start\n0.0 finish end\n" USED},
    {"calls of the provider's tools are nobody's", WHOLE("{\"toolUse\":{\"toolUseId\":\"t1\",\"name\":\"g\",\"input\":{\"a\":1},\"type\":\"server_tool_use\"}},{\"toolResult\":{}},{\"text\":\"a\"}"),
     "0.0 start\n0.0 part text\n0.0 delta text='a'\n0.0 end\n0.0 finish end\n" USED},
};
/* clang-format on */

static void answers_are_told_as_events(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(streams) + ARRAY_LEN(wholes); i++) {
        bool stream = i < ARRAY_LEN(streams);
        size_t at = stream ? i : i - ARRAY_LEN(streams);
        const char *name = stream ? streams[at].name : wholes[at].name;
        struct telling t;
        struct err e;

        telling_begin(&t);
        if ((stream ? tell_stream(&t, streams[at].in, &e) : tell_whole(&t, wholes[at].in, &e)) < 0)
            fail_msg("'%s': %s", name, e.text);
        same(name, &t.out, stream ? streams[at].want : wholes[at].want);
        telling_end(&t);
    }
}

static void other_answers_are_refused(void **state)
{
    struct telling t;
    struct err e;

    telling_begin(&t);
    assert_int_equal(tell_whole(&t, "{\"message\":\"x\"}", &e), -1);
    assert_string_equal(e.text, "output.message.content: a list of blocks is wanted");
    assert_int_equal(tell_stream(&t, START DELTA("0", "\"toolUse\":{\"input\":\"{}\"}"), &e), -1);
    assert_string_equal(e.text, "a piece of a call that has not begun");
    assert_int_equal(tell_stream(&t, BEGIN("1", "\"toolUse\":{\"toolUseId\":\"t\"}"), &e), -1);
    assert_string_equal(e.text, "a call without its toolUseId or name");
    telling_end(&t);
}

/* Which of the stop texts it was stands where the request has asked for it. */
static void the_stop_text_comes_back(void **state)
{
    static const char stop[] = "messageStop {\"stopReason\":\"stop_sequence\","
                               "\"additionalModelResponseFields\":{\"stop_sequence\":\"END\"}}";
    struct chat_collect *c;
    struct telling t;
    struct err e;

    telling_begin(&t);
    assert_int_equal(chat_collect_new(&c, BUDGET, &e), 0);
    t.r.sink = chat_collect_sink(c);
    assert_int_equal(tell_stream(&t, stop, &e), 0);
    assert_int_equal(chat_collect_answer(c)->choices[0].stop, CHAT_STOP_TEXT);
    assert_true(span_is(chat_collect_answer(c)->choices[0].stop_text, "END"));
    chat_collect_free(&c);
    telling_end(&t);
}

/* ---- all of it ---- */

static void every_loss_has_its_page(void **state)
{
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++) {
        assert_int_equal(C->loss[f].feature, f);
        assert_int_equal(C->loss[f].loss != CARRIED, C->loss[f].page != NULL);
        assert_int_equal(C->loss[f].loss == APPROXIMATE || C->loss[f].loss == PARTLY,
                         C->loss[f].how != NULL);
    }
}

static void only_targets_speak_it(void **state)
{
    assert_ptr_equal(convert_target(C->dialect), C);
    assert_null(convert_client(C->dialect));
    assert_ptr_equal(convert_client(convert_openai_chat.dialect), &convert_openai_chat);
}

static void without_memory_nothing_is_said(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        bool hit = true;

        for (size_t at = 1; hit; at++) {
            struct request r;
            struct buf json;
            struct err e;
            int rc;

            buf_init(&json, BUDGET);
            mem_torture(at, false);
            rc = read_request(&r, C, requests[i].in, &e);
            if (rc == 0)
                rc = C->write_request(&json, &r.q, &claude, &e);
            hit = mem_torture_hit();
            mem_torture(0, false);
            if (hit && rc == 0)
                assert_false(buf_ok(&json));
            free_request(&r);
            buf_fini(&json);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(wholes); i++) {
        bool hit = true;

        for (size_t at = 1; hit; at++) {
            struct telling t;
            struct err e;

            telling_begin(&t);
            assert_non_null(buf_reserve(&t.out, 4096)); /* what is told needs none */
            mem_torture(at, false);
            if (tell_whole(&t, wholes[i].in, &e) < 0)
                assert_int_equal(e.code, ERR_NOMEM);
            hit = mem_torture_hit();
            mem_torture(0, false);
            telling_end(&t);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read_and_written),
        cmocka_unit_test(the_system_prompt_comes_first),
        cmocka_unit_test(others_are_refused_by_their_place),
        cmocka_unit_test(a_request_is_said_as_the_model_knows_it),
        cmocka_unit_test(top_k_is_a_field_of_the_model),
        cmocka_unit_test(answers_are_told_as_events),
        cmocka_unit_test(other_answers_are_refused),
        cmocka_unit_test(the_stop_text_comes_back),
        cmocka_unit_test(every_loss_has_its_page),
        cmocka_unit_test(only_targets_speak_it),
        cmocka_unit_test(without_memory_nothing_is_said),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
