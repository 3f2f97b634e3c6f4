/*
 * Goal: the dialects that only targets speak, Cohere's and Ollama's chat: what a conversation says
 * is in the request, and read again it is the same; what an answer says is told as events; what
 * cannot be said is refused by its place; no lack of memory does harm.
 * Method: rows of JSON and what becomes of it, as JSON, as a list of features, or as events in
 * text. The conversations come from requests of OpenAI's chat.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../conformance/chat_text.h"
#include "base/mem.h"
#include "dialect/convert_read.h"
#include "dialect/dialect.h"

#define OPENAI (&convert_openai_chat)
#define COHERE (&convert_cohere_chat)
#define OLLAMA (&convert_ollama_chat)
#define BUDGET ((size_t)1 << 20)

struct request {
    struct json_tree t;
    struct arena a;
    struct chat_request q;
};

static int read_request(struct request *r, const struct convert *c, struct span json, struct err *e)
{
    memset(r, 0, sizeof(*r));
    arena_init(&r->a, BUDGET);
    r->q.arena = &r->a;
    return json_tree_read(&r->t, json, e) < 0 ? -1 : c->read_request(&r->q, r->t.root, e);
}

static void free_request(struct request *r)
{
    json_tree_fini(&r->t);
    arena_fini(&r->a);
}

static void features(struct buf *out, const struct chat_request *q)
{
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++)
        if (q->has & CHAT_BIT(f))
            buf_printf(out, "%s%s", out->n ? " " : "", chat_feature_row(f)->word);
    for (const struct chat_text *t = q->others; t; t = t->next)
        buf_printf(out, " %.*s", SPAN_FMT(t->s));
}

static void same(const char *name, const struct buf *got, const char *want)
{
    if (!span_is(buf_span(got), want))
        fail_msg("'%s': got\n%.*s\nnot\n%s", name, SPAN_FMT(buf_span(got)), want);
}

/* ---- requests ---- */

static const struct convert_to plain = {.model = {"up", 2}};
static const struct convert_to streamed = {.model = {"up", 2}, .stream = true};

#define ASK(more) "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" more "}"
#define TOOL(n)                                                                                    \
    "{\"type\":\"function\",\"function\":{\"name\":\"" n "\",\"description\":\"d\","               \
    "\"parameters\":{\"type\":\"object\"}}}"
#define LOOP(args)                                                                                 \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","               \
    "\"reasoning_content\":\"plan\",\"content\":\"so\",\"tool_calls\":[{\"id\":\"c1\","            \
    "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":" args "}}]},"               \
    "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"ok\"}]}"
#define NUMBERS                                                                                    \
    ",\"max_tokens\":9007199254740993,\"temperature\":0.10,\"top_p\":1.0,\"top_k\":5,"             \
    "\"frequency_penalty\":0.5,\"presence_penalty\":1,\"seed\":-7,\"stop\":[\"x\",\"y\"]"
#define DASHED "ab_38844640913b" /* "a-b", as it is mapped */
#define C_ASKED                                                                                    \
    "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false"
#define O_ASKED    C_ASKED
#define NO_OPTIONS ",\"options\":{}}"

/* clang-format off */
static const struct {
    const char *name;
    const struct convert *to;
    const char *in, *out;
} requests[] = {
    /* Cohere */
    {"text", COHERE, ASK(""), C_ASKED "}"},
    {"roles", COHERE, "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"more\"}]}",
     "{\"model\":\"up\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"system\",\"content\":\"d\"},{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"more\"}],\"stream\":false}"},
    {"numbers", COHERE, ASK(NUMBERS),
     C_ASKED ",\"max_tokens\":9007199254740993,\"stop_sequences\":[\"x\",\"y\"],\"temperature\":0.10,\"p\":0.99,\"k\":5,\"frequency_penalty\":0.5,\"presence_penalty\":1}"},
    {"numbers at their bounds", COHERE, ASK(",\"temperature\":1.0,\"seed\":0"), C_ASKED ",\"temperature\":1.0,\"seed\":0}"},
    {"a temperature beyond", COHERE, ASK(",\"temperature\":1.01"), C_ASKED ",\"temperature\":1}"},
    {"top_p at its least", COHERE, ASK(",\"top_p\":0.01"), C_ASKED ",\"p\":0.01}"},
    {"top_p below", COHERE, ASK(",\"top_p\":0.009"), C_ASKED ",\"p\":0.01}"},
    {"no top_p", COHERE, ASK(",\"top_p\":0"), C_ASKED ",\"p\":0.01}"},
    {"no top_p, written out", COHERE, ASK(",\"top_p\":0.0"), C_ASKED ",\"p\":0.01}"},
    {"top_p as a power", COHERE, ASK(",\"top_p\":1E-02"), C_ASKED ",\"p\":1E-02}"},
    {"top_p as a power below", COHERE, ASK(",\"top_p\":9e-03"), C_ASKED ",\"p\":0.01}"},
    {"top_p as a power far below", COHERE, ASK(",\"top_p\":1E-10"), C_ASKED ",\"p\":0.01}"},
    {"top_p as a power above", COHERE, ASK(",\"top_p\":0.0005e+3"), C_ASKED ",\"p\":0.0005e+3}"},
    {"less than 1 stays", COHERE, ASK(",\"top_p\":0.10"), C_ASKED ",\"p\":0.10}"},
    {"penalties beyond their bounds", COHERE, ASK(",\"frequency_penalty\":-0.5,\"presence_penalty\":1.5"), C_ASKED ",\"frequency_penalty\":0,\"presence_penalty\":1}"},
    {"penalties at them", COHERE, ASK(",\"frequency_penalty\":0,\"presence_penalty\":1"), C_ASKED ",\"frequency_penalty\":0,\"presence_penalty\":1}"},
    {"penalties at them, written out", COHERE, ASK(",\"frequency_penalty\":1.0,\"presence_penalty\":1.01"), C_ASKED ",\"frequency_penalty\":1.0,\"presence_penalty\":1}"},
    {"a penalty as a power", COHERE, ASK(",\"frequency_penalty\":5e-1"), C_ASKED ",\"frequency_penalty\":5e-1}"},
    {"images", COHERE, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AA==\",\"detail\":\"low\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y\"}}]}]}",
     "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AA==\",\"detail\":\"low\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y\"}}]}],\"stream\":false}"},
    {"a loop of tools", COHERE, LOOP("\"{ \\\"a\\\": 1.0 }\""),
     "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"tool_plan\":\"plan\",\"content\":\"so\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{ \\\"a\\\": 1.0 }\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"ok\"}],\"stream\":false}"},
    {"a refusal beside a call", COHERE, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"refusal\":\"no\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"ok\"}]}",
     "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"no\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"ok\"}],\"stream\":false}"},
    {"tools", COHERE, ASK(",\"tools\":[" TOOL("f") "," TOOL("g") "],\"tool_choice\":\"required\""),
     C_ASKED ",\"tools\":[" TOOL("f") "," TOOL("g") "],\"tool_choice\":\"REQUIRED\"}"},
    {"one of the tools", COHERE, ASK(",\"tools\":[" TOOL("f") "," TOOL("g") "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"g\"}}"),
     C_ASKED ",\"tools\":[" TOOL("g") "],\"tool_choice\":\"REQUIRED\"}"},
    {"names that it does not take", COHERE, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"a-b\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"ok\"}],\"tools\":[" TOOL("a-b") "," TOOL("_1") "," TOOL("1_") "],\"tool_choice\":\"required\"}",
     "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"" DASHED "\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"ok\"}],\"stream\":false,\"tools\":[" TOOL(DASHED) "," TOOL("_1") "," TOOL("_1__9f2c9b4b7096") "],\"tool_choice\":\"REQUIRED\"}"},
    {"the one that must be called has another name", COHERE, ASK(",\"tools\":[" TOOL("f") "," TOOL("a-b") "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"a-b\"}}"),
     C_ASKED ",\"tools\":[" TOOL(DASHED) "],\"tool_choice\":\"REQUIRED\"}"},
    {"none of the tools", COHERE, ASK(",\"tools\":[" TOOL("f") "],\"tool_choice\":\"none\""),
     C_ASKED ",\"tools\":[" TOOL("f") "],\"tool_choice\":\"NONE\"}"},
    {"a strict tool without a schema", COHERE, ASK(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true}}]"),
     C_ASKED ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]}"},
    {"a schema", COHERE, ASK(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\"}}}"),
     C_ASKED ",\"response_format\":{\"type\":\"json_object\",\"json_schema\":{\"type\":\"object\"}}}"},
    {"an object", COHERE, ASK(",\"response_format\":{\"type\":\"json_object\"}"), C_ASKED ",\"response_format\":{\"type\":\"json_object\"}}"},
    {"effort", COHERE, ASK(",\"reasoning_effort\":\"high\""), C_ASKED ",\"thinking\":{\"type\":\"enabled\"}}"},
    {"log-probabilities", COHERE, ASK(",\"logprobs\":true,\"top_logprobs\":3"), C_ASKED ",\"logprobs\":true}"},
    {"no effort", COHERE, ASK(",\"reasoning_effort\":\"none\""), C_ASKED ",\"thinking\":{\"type\":\"disabled\"}}"},
    /* Ollama */
    {"text", OLLAMA, ASK(""), O_ASKED NO_OPTIONS},
    {"several texts and an image", OLLAMA, "{\"messages\":[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AA==\"}},{\"type\":\"text\",\"text\":\"b\"}]}]}",
     "{\"model\":\"up\",\"messages\":[{\"role\":\"system\",\"content\":\"d\"},{\"role\":\"user\",\"content\":\"a\\nb\",\"images\":[\"AA==\"]}],\"stream\":false" NO_OPTIONS},
    {"pieces of what the model said", OLLAMA, "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"It i\"},{\"type\":\"text\",\"text\":\"s.\"},{\"type\":\"text\",\"text\":\"\"}]},{\"role\":\"user\",\"content\":\"r\"}]}",
     "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"It is.\"},{\"role\":\"user\",\"content\":\"r\"}],\"stream\":false" NO_OPTIONS},
    {"texts of a result", OLLAMA, "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}]}",
     "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":{}}}]},{\"role\":\"tool\",\"content\":\"a\\nb\",\"tool_name\":\"f\",\"tool_call_id\":\"c1\"}],\"stream\":false" NO_OPTIONS},
    {"numbers", OLLAMA, ASK(NUMBERS),
     O_ASKED ",\"options\":{\"num_predict\":9007199254740993,\"temperature\":0.10,\"top_p\":1.0,\"top_k\":5,\"frequency_penalty\":0.5,\"presence_penalty\":1,\"seed\":-7,\"stop\":[\"x\",\"y\"]}}"},
    {"a loop of tools", OLLAMA, LOOP("\"{ \\\"a\\\": 1.0 }\""),
     "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"so\",\"thinking\":\"plan\",\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":{ \"a\": 1.0 }}}]},{\"role\":\"tool\",\"content\":\"ok\",\"tool_name\":\"f\",\"tool_call_id\":\"c1\"}],\"stream\":false" NO_OPTIONS},
    {"tools", OLLAMA, ASK(",\"tools\":[" TOOL("f") "],\"tool_choice\":\"auto\""), O_ASKED ",\"tools\":[" TOOL("f") "]" NO_OPTIONS},
    {"a tool of any name", OLLAMA, ASK(",\"tools\":[" TOOL("1-b c") "]"), O_ASKED ",\"tools\":[" TOOL("1-b c") "]" NO_OPTIONS},
    {"none of the tools", OLLAMA, ASK(",\"tools\":[" TOOL("f") "],\"tool_choice\":\"none\""), O_ASKED NO_OPTIONS},
    {"a schema", OLLAMA, ASK(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\"}}}"),
     O_ASKED ",\"format\":{\"type\":\"object\"}" NO_OPTIONS},
    {"an object", OLLAMA, ASK(",\"response_format\":{\"type\":\"json_object\"}"), O_ASKED ",\"format\":\"json\"" NO_OPTIONS},
    {"effort", OLLAMA, ASK(",\"reasoning_effort\":\"xhigh\""), O_ASKED ",\"think\":\"high\"" NO_OPTIONS},
    {"all effort", OLLAMA, ASK(",\"reasoning_effort\":\"max\""), O_ASKED ",\"think\":\"max\"" NO_OPTIONS},
    {"no effort", OLLAMA, ASK(",\"reasoning_effort\":\"none\""), O_ASKED ",\"think\":false" NO_OPTIONS},
    {"log-probabilities", OLLAMA, ASK(",\"logprobs\":true,\"top_logprobs\":3"), O_ASKED ",\"options\":{},\"logprobs\":true,\"top_logprobs\":3}"},
};

static const struct {
    const struct convert *to;
    const char *in, *why;
} unsayable[] = {
    {COHERE, LOOP("\"[1]\""), "the arguments of the call 'c1' are no JSON object"},
    {COHERE, LOOP("\"{\""), "the arguments of the call 'c1' are no JSON object"},
    {COHERE, ASK(",\"tools\":[" TOOL("f") "],\"response_format\":{\"type\":\"json_object\"}"), "response_format: not together with tools"},
    {OLLAMA, LOOP("\"7\""), "the arguments of the call 'c1' are no JSON object"},
    {OLLAMA, ASK(",\"tools\":[" TOOL("f") "],\"tool_choice\":\"required\""), "tool_choice: a model cannot be made to call a tool"},
    {OLLAMA, ASK(",\"tools\":[" TOOL("f") "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"), "tool_choice: a model cannot be made to call a tool"},
};

/* Requests of the dialects' own, and what they hold; written again they are the same. */
static const struct {
    const char *name;
    const struct convert *c;
    const char *json, *features;
} own[] = {
    {"all", COHERE, "{\"model\":\"up\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y\",\"detail\":\"high\"}}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\"},{\"type\":\"text\",\"text\":\"b\"}]},{\"role\":\"user\",\"content\":\"c\"}],\"stream\":true,\"tools\":[" TOOL("f") "],\"tool_choice\":\"NONE\",\"thinking\":{\"type\":\"enabled\",\"token_budget\":100},\"max_tokens\":5,\"stop_sequences\":[\"x\"],\"temperature\":0.3,\"p\":0.5,\"k\":3,\"seed\":1,\"frequency_penalty\":0.1,\"presence_penalty\":0.2}",
     "system text image-url image-detail tools tool-choice thinking max-tokens temperature top-p top-k stop penalties seed effort budget"},
    {"documents", COHERE, "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"stream\":true,\"documents\":[{\"data\":{\"title\":\"t\",\"text\":\"d\"}},{\"data\":{\"text\":\"e\"}}]}",
     "text document-text"},
    {"tools", COHERE, "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"tool_plan\":\"p\",\"tool_calls\":[{\"id\":\"1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"2\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"text\",\"text\":\"y\"}]},{\"role\":\"tool\",\"tool_call_id\":\"2\",\"content\":\"z\"}],\"stream\":true}",
     "text tool-call tool-result thinking"},
    {"all", OLLAMA, "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"images\":[\"AA==\"]},{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"t\",\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"f\",\"arguments\":{\"n\":1.0}}}]},{\"role\":\"tool\",\"content\":\"r\",\"images\":[\"BB==\"],\"tool_name\":\"f\",\"tool_call_id\":\"1\"},{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"b\"}],\"stream\":true,\"tools\":[" TOOL("f") "],\"format\":{\"type\":\"object\"},\"think\":true,\"options\":{\"num_predict\":5,\"temperature\":1e0,\"top_p\":0.5,\"top_k\":3,\"seed\":1,\"stop\":[\"x\"]},\"logprobs\":true}",
     "system-later text image tools tool-call tool-result tool-result-image thinking json-schema max-tokens temperature top-p top-k stop seed logprobs effort"},
};

static const struct {
    const struct convert *c;
    const char *in, *why;
} bad[] = {
    {COHERE, "{}", "messages: at least one message is wanted"},
    {COHERE, "{\"messages\":[{\"role\":\"bot\"}]}", "messages[0].role: system, user, assistant or tool is wanted"},
    {COHERE, "{\"messages\":[{\"role\":\"user\",\"content\":7}]}", "messages[0].content: a string or a list is wanted"},
    {COHERE, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"audio\"}]}]}", "messages[0].content[0]: a text, thinking, an image_url or a document is wanted"},
    {COHERE, "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"1\"}]}]}", "messages[0].tool_calls[0]: the call has no id or no name"},
    {COHERE, "{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "messages[0].tool_call_id: the id of the call is wanted"},
    {COHERE, ASK(",\"tool_choice\":\"auto\""), "tool_choice: REQUIRED or NONE is wanted"},
    {COHERE, ASK(",\"stop_sequences\":\"x\""), "stop_sequences: a list of strings is wanted"},
    {COHERE, ASK(",\"tools\":[{\"function\":{}}]"), "tools[0]: the tool has no name"},
    {COHERE, "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"}],\"documents\":[]}", "documents: a list is wanted, and a message of the user"},
    {OLLAMA, "[]", "the body: an object is wanted"},
    {OLLAMA, "{\"messages\":[{\"role\":\"function\"}]}", "messages[0].role: system, user, assistant or tool is wanted"},
    {OLLAMA, "{\"messages\":[{\"role\":\"user\",\"images\":[1]}]}", "messages[0].images[0]: a string is wanted"},
    {OLLAMA, "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]}", "messages[0].tool_calls[0].function.arguments: an object is wanted"},
    {OLLAMA, ASK(",\"format\":\"yaml\""), "format: \"json\" or a schema is wanted"},
    {OLLAMA, ASK(",\"options\":{\"seed\":\"1\"}"), "options.seed: a number is wanted"},
};
/* clang-format on */

static void requests_are_written(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct request r;
        struct buf json;
        struct err e;

        buf_init(&json, BUDGET);
        if (read_request(&r, OPENAI, span_str(requests[i].in), &e) < 0 ||
            requests[i].to->write_request(&json, &r.q, &plain, &e) < 0)
            fail_msg("'%s': %s", requests[i].name, e.text);
        same(requests[i].name, &json, requests[i].out);
        free_request(&r);
        buf_fini(&json);
    }
}

static void what_cannot_be_said_is_refused(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(unsayable); i++) {
        struct request r;
        struct buf json;
        struct err e;

        buf_init(&json, BUDGET);
        assert_int_equal(read_request(&r, OPENAI, span_str(unsayable[i].in), &e), 0);
        assert_int_equal(unsayable[i].to->write_request(&json, &r.q, &plain, &e), -1);
        assert_string_equal(e.text, unsayable[i].why);
        assert_int_equal(e.code, ERR_PROTOCOL);
        free_request(&r);
        buf_fini(&json);
    }
}

static void requests_go_there_and_back(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        struct request r;
        struct buf json, has;
        struct err e;

        buf_init(&json, BUDGET);
        buf_init(&has, BUDGET);
        if (read_request(&r, own[i].c, span_str(own[i].json), &e) < 0 ||
            own[i].c->write_request(&json, &r.q, &streamed, &e) < 0)
            fail_msg("'%s': %s", own[i].name, e.text);
        same(own[i].name, &json, own[i].json);
        features(&has, &r.q);
        same(own[i].name, &has, own[i].features);
        free_request(&r);
        buf_fini(&json);
        buf_fini(&has);
    }
}

static void others_are_refused_by_their_place(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct request r;
        struct err e;

        if (read_request(&r, bad[i].c, span_str(bad[i].in), &e) == 0)
            fail_msg("row %zu was taken", i);
        assert_string_equal(e.text, bad[i].why);
        assert_int_equal(e.code, ERR_PROTOCOL);
        free_request(&r);
    }
}

/* The client's own name comes back: translate.c looks there. */
static void names_are_mapped_back(void **state)
{
    struct request r;
    struct err e;

    assert_int_equal(read_request(&r, OPENAI, span_str(ASK(",\"tools\":[" TOOL("a-b") "]")), &e),
                     0);
    assert_true(span_is(convert_unfit_name(&r.q, SPAN_LIT(DASHED), COHERE->names), "a-b"));
    assert_null(OLLAMA->names);
    free_request(&r);
}

/* With a format there are no documents: they are texts. */
static void documents_are_texts_beside_a_format(void **state)
{
    static const char in[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],"
        "\"documents\":[\"d\"],\"response_format\":{\"type\":\"json_object\"}}";
    struct request r;
    struct buf json;
    struct err e;

    buf_init(&json, BUDGET);
    assert_int_equal(read_request(&r, COHERE, span_str(in), &e), 0);
    assert_int_equal(COHERE->write_request(&json, &r.q, &plain, &e), 0);
    same("documents", &json,
         "{\"model\":\"up\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
         "\"text\":\"d\"},{\"type\":\"text\",\"text\":\"q\"}]}],\"stream\":false,"
         "\"response_format\":{\"type\":\"json_object\"}}");
    free_request(&r);
    buf_fini(&json);
}

/* ---- answers ---- */

struct telling {
    _Alignas(16) char own[256];
    struct arena a;
    struct buf text;
    struct convert_reader r;
};

static int on_event(void *arg, const struct chat_event *ev, struct err *e)
{
    struct telling *t = arg;

    UNUSED(e);
    chat_text_event(&t->text, ev);
    return 0;
}

/* Events, a line each; or one whole answer. */
static int tell(struct telling *t, const struct convert *c, bool whole, const char *lines,
                struct err *e)
{
    struct span rest = span_str(lines);
    int rc = 0;

    memset(t, 0, sizeof(*t));
    assert_true(c->reader_bytes <= sizeof(t->own));
    arena_init(&t->a, BUDGET);
    buf_init(&t->text, BUDGET);
    t->r = (struct convert_reader){.c = c, .own = t->own, .arena = &t->a, .sink = {on_event, t}};
    while (span_has(rest) && rc == 0) {
        struct json_tree tree = {0};

        rc = json_tree_read(&tree, span_cut(&rest, '\n'), e);
        if (rc == 0)
            rc = whole ? c->read_answer(&t->r, tree.root, e)
                       : c->read_event(&t->r, SPAN_LIT(""), tree.root, e);
        json_tree_fini(&tree);
    }
    return rc;
}

static void told(struct telling *t)
{
    arena_fini(&t->a);
    buf_fini(&t->text);
}

#define EV(type, more) "{\"type\":\"" type "\"," more "}"
#define START                                                                                      \
    "{\"id\":\"a\",\"type\":\"message-start\",\"delta\":{\"message\":{\"tool_plan\":\"\"}}}\n"
#define BEGIN(i, kind)                                                                             \
    EV("content-start", "\"index\":" i ",\"delta\":{\"message\":{\"content\":{\"type\":\"" kind    \
                        "\",\"" kind "\":\"\"}}}")                                                 \
    "\n"
#define SAY(i, kind, text)                                                                         \
    EV("content-delta",                                                                            \
       "\"index\":" i ",\"delta\":{\"message\":{\"content\":{\"" kind "\":\"" text "\"}}}")        \
    "\n"
#define ENDED(what, i) EV(what "-end", "\"index\":" i) "\n"
#define PLAN(text)                                                                                 \
    EV("tool-plan-delta", "\"delta\":{\"message\":{\"tool_plan\":\"" text "\"}}") "\n"
#define CALL(i, id)                                                                                \
    EV("tool-call-start", "\"index\":" i ",\"delta\":{\"message\":{\"tool_calls\":{\"id\":\"" id   \
                          "\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}}}")                \
    "\n"
#define ARGS(i, text)                                                                              \
    EV("tool-call-delta", "\"index\":" i ",\"delta\":{\"message\":{\"tool_calls\":{\"function\":"  \
                          "{\"arguments\":\"" text "\"}}}}")                                       \
    "\n"
#define USAGE                                                                                      \
    "\"usage\":{\"billed_units\":{\"input_tokens\":1,\"output_tokens\":2},\"tokens\":{"            \
    "\"input_tokens\":10,\"output_tokens\":20,\"reasoning_tokens\":3},\"cached_tokens\":4}"
#define COUNTS "0.0 usage in=10 out=20 cached=4 reasoning=3\n"
#define LOGPROB(text, p, bytes)                                                                    \
    "{\"token\":\"" text "\",\"logprob\":" p ",\"bytes\":[" bytes "],\"top_logprobs\":[]}"
#define CITATION(type, at) "{\"start\":0,\"end\":1,\"text\":\"h\",\"type\":\"" type "\"" at "}"

/* clang-format off */
static const struct {
    const char *name;
    const struct convert *c;
    bool whole;
    const char *in, *events;
} answers[] = {
    {"thinking, text, a citation", COHERE, false,
     START BEGIN("0", "thinking") SAY("0", "thinking", "hm") ENDED("content", "0") BEGIN("1", "text") SAY("1", "text", "h") EV("citation-start", "\"index\":0,\"delta\":{\"message\":{\"citations\":" CITATION("TEXT_CONTENT", "") "}}") "\n" EV("citation-end", "\"index\":0") "\n" SAY("1", "text", "i") ENDED("content", "1") EV("message-end", "\"delta\":{\"finish_reason\":\"COMPLETE\"," USAGE "}"),
     "0.0 start id='a'\n0.0 part thinking\n0.0 delta text='hm'\n0.0 end\n0.1 part text\n0.1 delta text='h'\n0.1 cite text='" CITATION("TEXT_CONTENT", "") "'\n0.1 delta text='i'\n0.1 end\n0.0 finish end\n" COUNTS},
    {"a plan and two calls", COHERE, false,
     START PLAN("I ") PLAN("will") CALL("0", "c1") ARGS("0", "{\\\"a\\\":") ARGS("0", "1}") ENDED("tool-call", "0") CALL("1", "c2") ENDED("tool-call", "1") EV("message-end", "\"delta\":{\"finish_reason\":\"TOOL_CALL\"}"),
     "0.0 start id='a'\n0.0 part thinking\n0.0 delta text='I '\n0.0 delta text='will'\n0.0 end\n0.1 part call id='c1' name='f'\n0.1 delta text='{\"a\":'\n0.1 delta text='1}'\n0.1 end\n0.2 part call id='c2' name='f'\n0.2 end\n0.0 finish tool\n"},
    {"no ends of parts, no number", COHERE, false,
     START "{\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"text\":\"a\"}}}}\n" CALL("0", "c1") EV("message-end", "\"delta\":{\"finish_reason\":\"MAX_TOKENS\"}"),
     "0.0 start id='a'\n0.0 part text\n0.0 delta text='a'\n0.0 end\n0.1 part call id='c1' name='f'\n0.1 end\n0.0 finish length\n"},
    {"a citation of what is not open, an event yet to come", COHERE, false,
     START EV("citation-start", "\"delta\":{\"message\":{\"citations\":" CITATION("TEXT_CONTENT", "") "}}") "\n{\"type\":\"debug\"}\n{\"type\":7}\n" EV("message-end", "\"delta\":{\"finish_reason\":\"SOMETHING\"}"),
     "0.0 start id='a'\n0.0 finish filter\n"},
    {"whole", COHERE, true,
     "{\"id\":\"a\",\"message\":{\"role\":\"assistant\",\"tool_plan\":\"p\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\"},{\"type\":\"text\",\"text\":\"h\"}],\"citations\":[" CITATION("TEXT_CONTENT", ",\"content_index\":1") "," CITATION("THINKING_CONTENT", "") "," CITATION("TEXT_CONTENT", ",\"content_index\":9") "],\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"COMPLETE\"," USAGE "}",
     "0.0 start id='a'\n0.0 part thinking\n0.0 delta text='p'\n0.0 end\n0.1 part thinking\n0.1 delta text='t'\n0.1 end\n0.2 part text\n0.2 delta text='h'\n0.2 cite text='" CITATION("TEXT_CONTENT", ",\"content_index\":1") "'\n0.2 end\n0.3 part call id='c' name='f'\n0.3 delta text='{}'\n0.3 end\n0.0 finish tool\n" COUNTS},
    {"log-probabilities of a piece", COHERE, false,
     START "{\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"text\":\"a\"}}},\"logprobs\":{\"text\":\"a\",\"token_ids\":[1],\"logprobs\":[-1.50]}}",
     "0.0 start id='a'\n0.0 part text\n0.0 delta text='a'\n0.0 logprobs text='" LOGPROB("a", "-1.50", "97") "'\n"},
    {"log-probabilities of a whole", COHERE, true,
     "{\"message\":{\"content\":[{\"text\":\"ab\"}]},\"logprobs\":[{\"text\":\"a\",\"token_ids\":[1,2],\"logprobs\":[-1,-2]},{\"text\":\"b\",\"token_ids\":[3]},{\"token_ids\":[3],\"logprobs\":[-3]},7],\"finish_reason\":\"COMPLETE\"}",
     "0.0 start\n0.0 part text\n0.0 delta text='ab'\n0.0 logprobs text='" LOGPROB("a", "-1", "97") "," LOGPROB("", "-2", "") "'\n0.0 end\n0.0 finish end\n"},
    {"stopped by a text, only billed", COHERE, true,
     "{\"message\":{\"content\":[{\"text\":\"h\"}]},\"finish_reason\":\"STOP_SEQUENCE\",\"usage\":{\"billed_units\":{\"input_tokens\":1,\"output_tokens\":2}}}",
     "0.0 start\n0.0 part text\n0.0 delta text='h'\n0.0 end\n0.0 finish text\n0.0 usage in=1 out=2 cached=0 reasoning=0\n"},
    {"thinking, text, counts", OLLAMA, false,
     "{\"model\":\"m\",\"message\":{\"thinking\":\"hm\",\"content\":\"\"},\"done\":false}\n{\"message\":{\"content\":\"a\"}}\n{\"message\":{\"content\":\"b\"}}\n{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":5,\"eval_count\":7}\n{\"message\":{},\"done\":true}",
     "0.0 start model='m'\n0.0 part thinking\n0.0 delta text='hm'\n0.0 end\n0.1 part text\n0.1 delta text='a'\n0.1 delta text='b'\n0.1 end\n0.0 finish end\n0.0 usage in=5 out=7 cached=0 reasoning=0\n"},
    {"calls with and without ids", OLLAMA, false,
     "{\"created_at\":\"2025-01-02T03:04:05.678Z\",\"message\":{\"content\":\"a\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"n\":1.0,\"m\":{}}}},{\"id\":\"own\",\"function\":{\"name\":\"g\"}}]}}\n{\"created_at\":\"2025-01-02T03:04:06Z\",\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"h\",\"arguments\":{}}}]},\"done\":true,\"done_reason\":\"stop\"}",
     "0.0 start\n0.0 part text\n0.0 delta text='a'\n0.0 end\n0.1 part call id='call_20250102030405678_0' name='f'\n0.1 delta text='{\"n\":1.0,\"m\":{}}'\n0.1 end\n0.2 part call id='own' name='g'\n0.2 delta text='{}'\n0.2 end\n0.3 part call id='call_20250102030406_2' name='h'\n0.3 delta text='{}'\n0.3 end\n0.0 finish tool\n"},
    {"whole", OLLAMA, true,
     "{\"model\":\"m\",\"message\":{\"content\":\"a\"},\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.50},{\"token\":\"b\"}],\"done\":true,\"done_reason\":\"length\",\"eval_count\":1}",
     "0.0 start model='m'\n0.0 part text\n0.0 delta text='a'\n0.0 logprobs text='{\"token\":\"a\",\"logprob\":-0.50},{\"token\":\"b\"}'\n0.0 end\n0.0 finish length\n0.0 usage in=0 out=1 cached=0 reasoning=0\n"},
};

static const struct {
    const struct convert *c;
    const char *in, *why;
} junk[] = {
    {COHERE, START ARGS("0", "{}"), "arguments of a call that is not the open one"},
    {COHERE, START CALL("0", "c1") ARGS("1", "{}"), "arguments of a call that is not the open one"},
    {COHERE, START CALL("0", ""), "a call has no id or no name"},
    {OLLAMA, "{\"message\":{\"tool_calls\":[{\"function\":{}}]}}", "a call has no name"},
};
/* clang-format on */

static void answers_are_told_as_events(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct telling t;
        struct err e;

        if (tell(&t, answers[i].c, answers[i].whole, answers[i].in, &e) < 0)
            fail_msg("'%s': %s", answers[i].name, e.text);
        same(answers[i].name, &t.text, answers[i].events);
        told(&t);
    }
}

static void other_answers_are_refused(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(junk); i++) {
        struct telling t;
        struct err e;

        assert_int_equal(tell(&t, junk[i].c, false, junk[i].in, &e), -1);
        assert_string_equal(e.text, junk[i].why);
        assert_int_equal(e.code, ERR_PROTOCOL);
        told(&t);
    }
}

/* ---- the tables ---- */

static void every_loss_has_its_page(void **state)
{
    static const struct convert *const both[] = {COHERE, OLLAMA};

    for (size_t i = 0; i < ARRAY_LEN(both); i++)
        for (enum chat_feature f = 0; f < CHAT_FEATURES; f++) {
            const struct convert_loss_row *row = &both[i]->loss[f];

            assert_int_equal(row->feature, f);
            assert_int_equal(row->how != NULL, row->loss == APPROXIMATE || row->loss == PARTLY);
            assert_int_equal(row->page != NULL, row->loss != CARRIED);
        }
}

/* Who cannot be answered is no client. */
static void only_targets_speak_them(void **state)
{
    for (size_t i = 0; i < CONVERTS; i++) {
        const struct convert *c = convert_row(i);

        assert_ptr_equal(convert_target(c->dialect), c);
        assert_ptr_equal(convert_client(c->dialect), c->write_event ? c : NULL);
        assert_int_equal(c->end && c->write_answer, c->write_event != NULL);
    }
    assert_null(convert_client(&dialect_cohere_chat));
    assert_null(convert_client(&dialect_ollama_chat));
    assert_null(convert_target(&dialect_openai_embeddings));
}

/* ---- memory ---- */

static bool written(size_t i)
{
    struct request r;
    struct buf b;
    struct err e;
    bool ok;

    buf_init(&b, BUDGET);
    ok = read_request(&r, own[i].c, span_str(own[i].json), &e) == 0 &&
         own[i].c->write_request(&b, &r.q, &plain, &e) == 0;
    free_request(&r);
    buf_fini(&b);
    return ok;
}

static bool heard(size_t i)
{
    struct telling t;
    struct err e;
    bool ok = tell(&t, answers[i].c, answers[i].whole, answers[i].in, &e) == 0 && buf_ok(&t.text);

    told(&t);
    return ok;
}

static void without_memory_nothing_is_said(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(own) + ARRAY_LEN(answers); i++) {
        bool hit = true, ok;

        for (size_t at = 1; hit; at++) {
            mem_torture(at, false);
            ok = i < ARRAY_LEN(own) ? written(i) : heard(i - ARRAY_LEN(own));
            hit = mem_torture_hit();
            mem_torture(0, false);
            assert_int_equal(ok, !hit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_written),
        cmocka_unit_test(what_cannot_be_said_is_refused),
        cmocka_unit_test(requests_go_there_and_back),
        cmocka_unit_test(others_are_refused_by_their_place),
        cmocka_unit_test(names_are_mapped_back),
        cmocka_unit_test(documents_are_texts_beside_a_format),
        cmocka_unit_test(answers_are_told_as_events),
        cmocka_unit_test(other_answers_are_refused),
        cmocka_unit_test(every_loss_has_its_page),
        cmocka_unit_test(only_targets_speak_them),
        cmocka_unit_test(without_memory_nothing_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
