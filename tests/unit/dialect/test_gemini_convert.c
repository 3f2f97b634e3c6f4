/*
 * Goal: what a Gemini request or answer says is what others are told, and back; what cannot be said
 * is refused by its place; no lack of memory does harm.
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
#include "dialect/gemini/gemini_convert.h"

#define C      (&convert_gemini_generate)
#define BUDGET ((size_t)1 << 20)

struct request {
    struct json_tree t;
    struct arena a;
    struct chat_request q;
};

static int read_request(struct request *r, const char *json, struct err *e)
{
    memset(r, 0, sizeof(*r));
    arena_init(&r->a, BUDGET);
    r->q.arena = &r->a;
    return json_tree_read(&r->t, span_str(json), e) < 0 ? -1 : convert_read(C, &r->q, r->t.root, e);
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

#define HI          "{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}"
#define CONTENTS    "\"contents\":[" HI "]"
#define CONF        ",\"generationConfig\":{}}"
#define WITH(more)  "{" CONTENTS more "}"
#define ASKED(conf) "{" CONTENTS ",\"generationConfig\":{" conf "}}"
#define CALLED      "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]}"
#define CALL(id)                                                                                   \
    "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"" id                               \
    "\",\"name\":\"f\",\"args\":{}}}]}"
#define RESULT(id, response)                                                                       \
    "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{" id                                     \
    "\"name\":\"f\",\"response\":" response "}}]}"
#define TALK(model, user) "{\"contents\":[" HI "," model "," user "]"

/* clang-format off */
static const struct {
    const char *name, *in, *out, *features;
} requests[] = {
    {"text", WITH(""), "{" CONTENTS CONF, "text"},
    {"one for a list, no role, the other spelling",
     "{\"contents\":{\"parts\":{\"text\":\"hi\"}},\"system_instruction\":{\"parts\":{\"text\":\"s\"}},\"generation_config\":{\"top_p\":0.50,\"stop_sequences\":[\"x\"]}}",
     "{" CONTENTS ",\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]},\"generationConfig\":{\"topP\":0.50,\"stopSequences\":[\"x\"]}}",
     "system text top-p stop"},
    {"numbers as they are written", ASKED("\"temperature\":1E+2,\"topK\":40,\"maxOutputTokens\":18446744073709551616,\"seed\":-3,\"candidateCount\":2,\"presencePenalty\":0.10,\"frequencyPenalty\":1,\"logprobs\":3,\"responseLogprobs\":true"),
     "{" CONTENTS ",\"generationConfig\":{\"temperature\":1E+2,\"topK\":40,\"candidateCount\":2,\"maxOutputTokens\":18446744073709551616,\"presencePenalty\":0.10,\"frequencyPenalty\":1,\"seed\":-3,\"logprobs\":3,\"responseLogprobs\":true}}",
     "text max-tokens temperature top-k penalties seed logprobs choices"},
    {"one candidate is no choice", ASKED("\"candidateCount\":1"), ASKED("\"candidateCount\":1"), "text"},
    {"a call and its result, without ids", TALK(CALLED, RESULT("", "{\"output\":\"ok\"}")) "}",
     TALK(CALL("call_g0"), RESULT("\"id\":\"call_g0\",", "{\"output\":\"ok\"}")) CONF, "text tool-call tool-result"},
    {"with ids", TALK(CALL("c1"), RESULT("\"id\":\"c1\",", "{\"a\":[1.0,{\"b\":null}]}")) "}",
     TALK(CALL("c1"), RESULT("\"id\":\"c1\",", "{\"a\":[1.0,{\"b\":null}]}")) CONF, "text tool-call tool-result"},
    {"a result with an id that the call had not", TALK(CALLED, RESULT("\"id\":\"own\",", "{}")) "}",
     TALK(CALL("call_g0"), RESULT("\"id\":\"call_g0\",", "{}")) CONF, "text tool-call tool-result"},
    {"it failed", TALK(CALL("c"), RESULT("\"id\":\"c\",", "{\"error\":\"no\"}")) "}",
     TALK(CALL("c"), RESULT("\"id\":\"c\",", "{\"error\":\"no\"}")) CONF, "text tool-call tool-result tool-result-error"},
    {"a text that looks like an object", TALK(CALL("c"), RESULT("\"id\":\"c\",", "{\"output\":\"{}\"}")) "}",
     TALK(CALL("c"), RESULT("\"id\":\"c\",", "{\"output\":\"{}\"}")) CONF, "text tool-call tool-result"},
    {"thoughts and signatures", "{\"contents\":[" HI ",{\"role\":\"model\",\"parts\":[{\"text\":\"hm\",\"thought\":true},{\"text\":\"yes\",\"thoughtSignature\":\"QQ==\"}]}," HI "]}",
     "{\"contents\":[" HI ",{\"role\":\"model\",\"parts\":[{\"text\":\"hm\",\"thought\":true},{\"text\":\"yes\",\"thoughtSignature\":\"QQ==\"}]}," HI "]" CONF, "text thinking signature"},
    {"media", "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inline_data\":{\"mime_type\":\"image/png\",\"data\":\"AA==\"}},{\"fileData\":{\"fileUri\":\"https://a/b.pdf?c\"}},{\"fileData\":{\"mimeType\":\"video/mp4\",\"fileUri\":\"https://generativelanguage.googleapis.com/v1beta/files/x\"}},{\"fileData\":{\"fileUri\":\"https://youtu.be/x\"}}]}]}",
     "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AA==\"}},{\"fileData\":{\"mimeType\":\"application/pdf\",\"fileUri\":\"https://a/b.pdf?c\"}},{\"fileData\":{\"mimeType\":\"video/mp4\",\"fileUri\":\"https://generativelanguage.googleapis.com/v1beta/files/x\"}},{\"fileData\":{\"fileUri\":\"https://youtu.be/x\"}}]}]" CONF,
     "image document-url video file-id"},
    {"turns of the model that follow each other", "{\"contents\":[" HI ",{\"role\":\"model\",\"parts\":[{\"text\":\"a\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"b\"}]}," HI "]}",
     "{\"contents\":[" HI ",{\"role\":\"model\",\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]}," HI "]" CONF, "text"},
    {"tools", WITH(",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"description\":\"d\",\"parametersJsonSchema\":{\"type\":\"object\"}}]}],\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"any\",\"allowedFunctionNames\":[\"f\"]}}"),
     "{" CONTENTS ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"description\":\"d\",\"parametersJsonSchema\":{\"type\":\"object\"}}]}],\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"f\"]}}" CONF,
     "text tools tool-choice"},
    {"OpenAPI's schema", WITH(",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"parameters\":{\"type\":\"OBJECT\",\"properties\":{\"type\":{\"type\":\"STRING\",\"format\":\"enum\",\"enum\":[\"A\"],\"nullable\":true},\"n\":{\"type\":\"ARRAY\",\"items\":{\"anyOf\":[{\"type\":\"INTEGER\"}],\"nullable\":true},\"minItems\":\"2\",\"max_items\":3}},\"propertyOrdering\":[\"n\"],\"required\":[\"n\"],\"example\":{\"n\":[1]}}}]}]"),
     "{" CONTENTS ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"parametersJsonSchema\":{\"type\":\"object\",\"properties\":{\"type\":{\"type\":[\"string\",\"null\"],\"enum\":[\"A\",null]},\"n\":{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}]},\"minItems\":2,\"maxItems\":3}},\"required\":[\"n\"],\"examples\":[{\"n\":[1]}]}}]}]" CONF,
     "text tools"},
    {"tools of Google", WITH(",\"tools\":[{\"googleSearch\":{}},{\"code_execution\":{}}]"), "{" CONTENTS CONF, "text provider-tool"},
    {"what these tools did", "{\"contents\":[" HI ",{\"role\":\"model\",\"parts\":[{\"executableCode\":{\"code\":\"1\"}},{\"text\":\"a\"}]}," HI "]}",
     "{\"contents\":[" HI ",{\"role\":\"model\",\"parts\":[{\"text\":\"a\"}]}," HI "]" CONF, "text provider-tool"},
    {"several names", WITH(",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"f\",\"g\"]}}"),
     "{" CONTENTS ",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"ANY\"}}" CONF, "text tool-choice other toolConfig.functionCallingConfig.allowedFunctionNames"},
    {"JSON", ASKED("\"responseMimeType\":\"application/json\""), ASKED("\"responseMimeType\":\"application/json\""), "text json-object"},
    {"JSON of a schema", ASKED("\"responseMimeType\":\"application/json\",\"responseSchema\":{\"type\":\"STRING\"}"),
     ASKED("\"responseMimeType\":\"application/json\",\"responseJsonSchema\":{\"type\":\"string\"}"), "text json-schema"},
    {"as a format", ASKED("\"responseFormat\":{\"text\":{\"mimeType\":\"APPLICATION_JSON\",\"schema\":{\"type\":\"string\"}}}"),
     ASKED("\"responseMimeType\":\"application/json\",\"responseJsonSchema\":{\"type\":\"string\"}"), "text json-schema"},
    {"among formats", ASKED("\"response_format\":[{\"text\":{\"mime_type\":\"application/json\",\"schema\":null}},{\"image\":{\"aspectRatio\":\"1:1\"}}]"),
     ASKED("\"responseMimeType\":\"application/json\""), "text json-object other generationConfig.response_format[1].image"},
    {"a format of text", ASKED("\"responseFormat\":{\"text\":{\"mimeType\":\"text/plain\"}}"), ASKED("\"responseMimeType\":\"text/plain\""), "text"},
    {"types by number", ASKED("\"responseMimeType\":\"application/json\",\"responseSchema\":{\"type\":6,\"properties\":{\"a\":{\"type\":1,\"nullable\":true},\"b\":{\"type\":0},\"c\":{\"type\":7}}}"),
     ASKED("\"responseMimeType\":\"application/json\",\"responseJsonSchema\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"string\",\"null\"]},\"b\":{},\"c\":{\"type\":\"null\"}}}"), "text json-schema"},
    {"a budget", ASKED("\"thinkingConfig\":{\"thinkingBudget\":128,\"includeThoughts\":true}"), ASKED("\"thinkingConfig\":{\"thinkingBudget\":128,\"includeThoughts\":true}"), "text thinking budget"},
    {"no thinking", ASKED("\"thinkingConfig\":{\"thinkingBudget\":0}"), ASKED("\"thinkingConfig\":{\"thinkingBudget\":0}"), "text effort"},
    {"a level, for a model that knows none", ASKED("\"thinkingConfig\":{\"thinkingLevel\":\"LOW\"}"), ASKED("\"thinkingConfig\":{\"thinkingBudget\":1024,\"includeThoughts\":true}"), "text effort"},
    {"what only Google has", WITH(",\"cachedContent\":\"cachedContents/1\",\"labels\":{\"a\":\"b\"},\"safetySettings\":[],\"generationConfig\":{\"speechConfig\":{},\"responseModalities\":[\"TEXT\",\"IMAGE\"]}"),
     "{" CONTENTS CONF, "text metadata previous other safetySettings generationConfig.speechConfig generationConfig.responseModalities"},
    {"the model speaks last", "{\"contents\":[" HI ",{\"role\":\"model\",\"parts\":[{\"text\":\"a\"}]}]}", "{\"contents\":[" HI ",{\"role\":\"model\",\"parts\":[{\"text\":\"a\"}]}]" CONF, "text prefill"},
    {"null is as good as nothing", WITH(",\"tools\":null,\"generationConfig\":{\"topP\":null}"), "{" CONTENTS CONF, "text"},
};

static const struct {
    const char *in, *why;
} bad[] = {
    {"[]", "the body: an object is wanted"},
    {"{}", "contents: it is missing"},
    {"{\"contents\":\"hi\"}", "contents: an object is wanted"},
    {ASKED("\"responseFormat\":\"json\""), "generationConfig.responseFormat: an object is wanted"},
    {ASKED("\"responseFormat\":[{\"text\":7}]"), "generationConfig.responseFormat[0].text: an object is wanted"},
    {ASKED("\"responseFormat\":{\"text\":{\"mimeType\":7}}"), "generationConfig.responseFormat.text.mimeType: a string is wanted"},
    {"{\"contents\":[" HI ",3]}", "contents[1]: an object is wanted"},
    {"{\"contents\":[{\"role\":\"assistant\",\"parts\":[]}]}", "contents[0].role: user or model is wanted"},
    {"{\"contents\":[{\"role\":1}]}", "contents[0].role: a string is wanted"},
    {"{\"contents\":[{\"parts\":[{\"text\":[]}]}]}", "contents[0].parts[0].text: a string is wanted"},
    {"{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"a/b\"}}]}]}", "contents[0].parts[0].inlineData: data is missing"},
    {"{\"contents\":[{\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]}]}", "contents[0].parts[0].functionCall: only the model calls functions"},
    {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{}}]}]}", "contents[0].parts[0].functionCall: name is missing"},
    {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":\"{}\"}}]}]}", "contents[0].parts[0].functionCall.args: an object is wanted"},
    {"{\"contents\":[" RESULT("", "{}") "]}", "contents[0].parts[0].functionResponse: the turn before has no functionCall for it"},
    {TALK(CALLED, RESULT("", "{}") "," RESULT("", "{}")) "}", "contents[3].parts[0].functionResponse: the turn before has no functionCall for it"},
    {TALK(CALLED, HI "," CALLED "," RESULT("", "{}") "," RESULT("", "{}")) "}", "contents[5].parts[0].functionResponse: the turn before has no functionCall for it"},
    {TALK(CALLED, RESULT("", "\"x\"")) "}", "contents[2].parts[0].functionResponse.response: an object is wanted"},
    {WITH(",\"tools\":[{\"functionDeclarations\":[{}]}]"), "tools[0].functionDeclarations[0]: name is missing"},
    {WITH(",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"parameters\":1}]}]"), "tools[0].functionDeclarations[0].parameters: an object is wanted"},
    {WITH(",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"SOME\"}}"), "toolConfig.functionCallingConfig.mode: AUTO, ANY, NONE or VALIDATED is wanted"},
    {ASKED("\"temperature\":\"1\""), "generationConfig.temperature: a number is wanted"},
    {ASKED("\"stopSequences\":[1]"), "generationConfig.stopSequences[0]: a string is wanted"},
    {ASKED("\"thinkingConfig\":{\"thinkingLevel\":\"much\"}"), "generationConfig.thinkingConfig.thinkingLevel: MINIMAL, LOW, MEDIUM or HIGH is wanted"},
};
/* clang-format on */

static const struct convert_to old_model = {.model = {"gemini-2.5-pro", 14},
                                            .signer = CHAT_SIGNER_GEMINI};
static const struct convert_to new_model = {.model = {"gemini-3-pro", 12},
                                            .signer = CHAT_SIGNER_GEMINI};

static void requests_are_read_and_written(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct request r;
        struct buf json, has;
        struct err e;

        buf_init(&json, BUDGET);
        buf_init(&has, BUDGET);
        if (read_request(&r, requests[i].in, &e) < 0 ||
            C->write_request(&json, &r.q, &old_model, &e) < 0)
            fail_msg("'%s': %s", requests[i].name, e.text);
        same(requests[i].name, &json, requests[i].out);
        features(&has, &r.q);
        same(requests[i].name, &has, requests[i].features);
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

        if (read_request(&r, bad[i].in, &e) == 0)
            fail_msg("row %zu was taken", i);
        assert_string_equal(e.text, bad[i].why);
        assert_int_equal(e.code, ERR_PROTOCOL);
        free_request(&r);
    }
}

/* 1024 calls of one turn may wait, and no more. */
static void calls_that_wait_are_bounded(void **state)
{
    for (int n = 1024; n <= 1025; n++) {
        struct request r;
        struct buf b;
        struct err e;

        buf_init(&b, BUDGET);
        buf_add_str(&b, "{\"contents\":[{\"role\":\"model\",\"parts\":[");
        for (int i = 0; i < n; i++)
            buf_printf(&b, "%s{\"functionCall\":{\"name\":\"f\"}}", i ? "," : "");
        buf_add(&b, "]}]}", 5);
        assert_true(buf_ok(&b));
        assert_int_equal(read_request(&r, b.p, &e), n == 1024 ? 0 : -1);
        if (n == 1025)
            assert_string_equal(e.text,
                                "contents[0].parts[1024].functionCall: more than 1024 calls "
                                "wait for results");
        free_request(&r);
        buf_fini(&b);
    }
}

/* ---- requests of others ---- */

/* A conversation that no Gemini client has begun. */
struct foreign {
    struct arena a;
    struct chat_request q;
    struct chat_message **messages;
    struct chat_part **parts;
};

static void foreign_begin(struct foreign *f)
{
    memset(f, 0, sizeof(*f));
    arena_init(&f->a, BUDGET);
    f->q.arena = &f->a;
    f->messages = &f->q.messages;
}

static struct chat_part *say(struct foreign *f, enum chat_role role, enum chat_kind kind,
                             const char *text)
{
    struct chat_message *m = chat_add_message(&f->q, &f->messages, role);
    struct chat_part *p;

    assert_non_null(m);
    f->parts = &m->parts;
    p = chat_add_part(&f->q, &f->parts, kind);
    assert_non_null(p);
    p->text = span_str(text);
    return p;
}

static struct chat_part *more(struct foreign *f, enum chat_kind kind)
{
    struct chat_part *p = chat_add_part(&f->q, &f->parts, kind);

    assert_non_null(p);
    return p;
}

static void call(struct chat_part *p, const char *id, const char *args)
{
    p->id = span_str(id);
    p->name = SPAN_LIT("f");
    p->args = span_str(args);
}

static void result(struct foreign *f, const char *id, const char *text)
{
    struct chat_part *p = say(f, CHAT_ROLE_USER, CHAT_PART_TOOL_RESULT, NULL), **tail = &p->parts;

    p->id = span_str(id);
    p->name = SPAN_LIT("f"); /* as every reader notes it */
    chat_add_part(&f->q, &tail, CHAT_PART_TEXT)->text = span_str(text);
}

static void becomes(struct foreign *f, const struct convert_to *to, const char *want)
{
    struct buf b;
    struct err e;

    buf_init(&b, BUDGET);
    if (C->write_request(&b, &f->q, to, &e) < 0)
        fail_msg("%s", e.text);
    same("foreign", &b, want);
    buf_fini(&b);
    arena_fini(&f->a);
}

#define U(parts) "{\"role\":\"user\",\"parts\":[" parts "]}"
#define M(parts) "{\"role\":\"model\",\"parts\":[" parts "]}"
#define FC(id)   "{\"functionCall\":{\"id\":\"" id "\",\"name\":\"f\",\"args\":{\"a\":1}}"
#define FR(id)                                                                                     \
    "{\"functionResponse\":{\"id\":\"" id "\",\"name\":\"f\",\"response\":{\"output\":\"x\"}}}"

/* Results that came as messages of their own are one turn; calls of others have the word that the
 * API knows for them, where it asks for one. */
static void a_loop_of_tools_that_others_began(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct foreign f;
        struct chat_part *p;

        foreign_begin(&f);
        say(&f, CHAT_ROLE_USER, CHAT_PART_TEXT, "hi");
        p = say(&f, CHAT_ROLE_ASSISTANT, CHAT_PART_THINKING, "hm");
        p->signature = SPAN_LIT("theirs");
        p->signer = CHAT_SIGNER_ANTHROPIC;
        call(more(&f, CHAT_PART_TOOL_CALL), "1", "{\"a\":1}");
        call(more(&f, CHAT_PART_TOOL_CALL), "2", "{\"a\":1}");
        result(&f, "1", "x");
        result(&f, "2", "x");
        say(&f, CHAT_ROLE_USER, CHAT_PART_TEXT, "and?");
        becomes(
            &f, i ? &new_model : &old_model,
            i ? "{\"contents\":[" U("{\"text\":\"hi\"}") "," M(
                    "{\"text\":\"hm\",\"thought\":true}"
                    "," FC("1") ",\"thoughtSignature\":"
                                "\"skip_thought_"
                                "signature_validator\"}"
                                "," FC("2") "}") "," U(FR("1") "," FR("2")) "," U("{\"text\":\"and?"
                                                                                  "\"}") "]" CONF
              : "{\"contents\":[" U("{\"text\":\"hi\"}") "," M(
                    "{\"text\":\"hm\",\"thought\":true}," FC("1") "}," FC(
                        "2") "}") "," U(FR("1") "," FR("2")) "," U("{\"text\":\"and?\"}") "]" CONF);
    }
}

static void system_messages_are_gathered(void **state)
{
    struct foreign f;

    foreign_begin(&f);
    say(&f, CHAT_ROLE_SYSTEM, CHAT_PART_TEXT, "a");
    say(&f, CHAT_ROLE_USER, CHAT_PART_TEXT, "hi");
    say(&f, CHAT_ROLE_DEVELOPER, CHAT_PART_TEXT, "b");
    becomes(&f, &old_model,
            "{" CONTENTS
            ",\"systemInstruction\":{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]}" CONF);
}

static void plain_documents_are_bytes(void **state)
{
    struct foreign f;

    foreign_begin(&f);
    say(&f, CHAT_ROLE_USER, CHAT_PART_MEDIA, NULL)->media = (struct chat_media){
        .kind = CHAT_DOCUMENT, .source = CHAT_PLAIN, .data = SPAN_LIT("foobar")};
    becomes(&f, &old_model,
            "{\"contents\":[" U("{\"inlineData\":{\"mimeType\":\"text/plain\",\"data\":"
                                "\"Zm9vYmFy\"}}") "]" CONF);
}

static void names_that_google_refuses_are_others(void **state)
{
    struct foreign f;
    struct chat_tool **tail, *t;
    struct buf b;
    struct err e;

    foreign_begin(&f);
    tail = &f.q.tools;
    t = chat_add_tool(&f.q, &tail, CHAT_TOOL_FUNCTION);
    t->name = SPAN_LIT("1/\xC3\xA4");
    t->strict = CHAT_YES;
    buf_init(&b, BUDGET);
    assert_int_equal(C->write_request(&b, &f.q, &old_model, &e), 0);
    assert_false(span_contains(buf_span(&b), t->name));
    assert_true(span_contains(buf_span(&b), convert_fit(&f.a, t->name, C->names)));
    assert_true(span_contains(buf_span(&b), SPAN_LIT("\"mode\":\"VALIDATED\"")));
    buf_fini(&b);
    arena_fini(&f.a);
}

static void what_cannot_be_said_is_refused(void **state)
{
    static const struct {
        bool result;
        const char *args, *why;
    } rows[] = {
        {false, "[1]",
         "the arguments of the call 'c' are not a JSON object, and Gemini takes nothing else"},
        {false, "{\"a\":",
         "the arguments of the call 'c' are not a JSON object, and Gemini takes nothing else"},
        {true, NULL, "there is a result for 'c', but no call of that id"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct foreign f;
        struct buf b;
        struct err e;

        foreign_begin(&f);
        if (rows[i].result) {
            result(&f, "c", "x");
            f.q.messages->parts->name = span_of(NULL, 0); /* it answers nothing */
        } else {
            call(say(&f, CHAT_ROLE_ASSISTANT, CHAT_PART_TOOL_CALL, NULL), "c", rows[i].args);
        }
        buf_init(&b, BUDGET);
        assert_int_equal(C->write_request(&b, &f.q, &old_model, &e), -1);
        assert_string_equal(e.text, rows[i].why);
        buf_fini(&b);
        arena_fini(&f.a);
    }
}

static void effort_is_said_as_the_model_knows_it(void **state)
{
    static const struct {
        const char *model, *effort, *want;
    } rows[] = {
        {"gemini-2.5-flash", "none", "{\"thinkingBudget\":0}"},
        {"gemini-2.5-flash", "max", "{\"thinkingBudget\":24576,\"includeThoughts\":true}"},
        {"models/gemini-3-flash", "none", "{\"thinkingLevel\":\"MINIMAL\"}"},
        {"gemini-3.1-pro", "minimal", "{\"thinkingLevel\":\"LOW\",\"includeThoughts\":true}"},
        {"gemini-10-pro", "xhigh", "{\"thinkingLevel\":\"HIGH\",\"includeThoughts\":true}"},
        {"gemini-flash-latest", "medium", "{\"thinkingBudget\":8192,\"includeThoughts\":true}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct convert_to to = {.model = span_str(rows[i].model), .signer = CHAT_SIGNER_GEMINI};
        struct foreign f;
        char want[256];

        foreign_begin(&f);
        f.q.effort = span_str(rows[i].effort);
        (void)snprintf(want, sizeof(want),
                       "{\"contents\":[],\"generationConfig\":{\"thinkingConfig\":%s}}",
                       rows[i].want);
        becomes(&f, &to, want);
    }
}

/* ---- answers ---- */

struct telling {
    struct arena a;
    struct convert_reader r;
    struct convert_writer w;
    struct buf text, out;
    unsigned char own[2][8192];
    bool write; /* the events are written again, too */
};

static int on_event(void *arg, const struct chat_event *ev, struct err *e)
{
    struct telling *t = arg;

    chat_text_event(&t->text, ev);
    return t->write ? C->write_event(&t->w, ev, e) : 0;
}

static void telling_begin(struct telling *t, bool list)
{
    memset(t, 0, sizeof(*t));
    assert_true(C->reader_bytes <= sizeof(t->own[0]) && C->writer_bytes <= sizeof(t->own[1]));
    arena_init(&t->a, BUDGET);
    buf_init(&t->text, BUDGET);
    buf_init(&t->out, BUDGET);
    t->r = (struct convert_reader){.c = C, .own = t->own[0], .arena = &t->a, .sink = {on_event, t}};
    t->w = (struct convert_writer){.c = C,
                                   .own = t->own[1],
                                   .arena = &t->a,
                                   .out = &t->out,
                                   .model = SPAN_LIT("mine"),
                                   .id = SPAN_LIT("r_1"),
                                   .list = list};
}

static void telling_end(struct telling *t)
{
    arena_fini(&t->a);
    buf_fini(&t->text);
    buf_fini(&t->out);
}

/* Events, a line each. */
static int tell_events(struct telling *t, const char *lines, struct err *e)
{
    struct span rest = span_str(lines);
    int rc = 0;

    while (span_has(rest) && rc == 0) {
        struct json_tree tree = {0};

        rc = json_tree_read(&tree, span_cut(&rest, '\n'), e) < 0
                 ? -1
                 : C->read_event(&t->r, SPAN_LIT(""), tree.root, e);
        json_tree_fini(&tree);
    }
    return rc;
}

#define PART(p)                                                                                    \
    "{\"candidates\":[{\"content\":{\"parts\":[" p "]},\"index\":0}],\"responseId\":\"a\"}"
#define STOP(why) "{\"candidates\":[{\"finishReason\":\"" why "\"}]}"
#define START     "0.0 start id='a'\n"

/* clang-format off */
static const struct {
    const char *name, *in, *events;
} answers[] = {
    {"text goes on", PART("{\"text\":\"a\"}") "\n" PART("{\"text\":\"\"}") "\n" PART("{\"text\":\"b\"}") "\n" STOP("STOP"),
     START "0.0 part text\n0.0 delta text='a'\n0.0 delta text='b'\n0.0 end\n0.0 finish end\n"},
    {"thoughts, then text", PART("{\"text\":\"hm\",\"thought\":true},{\"text\":\"a\"}") "\n" STOP("MAX_TOKENS"),
     START "0.0 part thinking\n0.0 delta text='hm'\n0.0 end\n0.1 part text\n0.1 delta text='a'\n0.1 end\n0.0 finish length\n"},
    {"a signature behind its text", PART("{\"text\":\"a\"}") "\n" PART("{\"text\":\"\",\"thoughtSignature\":\"QQ==\"}") "\n" PART("{\"text\":\"b\"}"),
     START "0.0 part text\n0.0 delta text='a'\n0.0 sign signature='QQ=='\n0.0 end\n0.1 part text\n0.1 delta text='b'\n"},
    {"calls", PART("{\"functionCall\":{\"name\":\"f\",\"args\":{\"n\":1.0}},\"thoughtSignature\":\"QQ==\"},{\"functionCall\":{\"name\":\"g\",\"id\":\"own\"}}") "\n" STOP("STOP"),
     START "0.0 part call id='call_a_0' name='f'\n0.0 delta text='{\"n\":1.0}'\n0.0 sign signature='QQ=='\n0.0 end\n"
     "0.1 part call id='own' name='g'\n0.1 delta text='{}'\n0.1 end\n0.0 finish tool\n"},
    {"a picture", PART("{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AA==\"}}"),
     START "0.0 part media kind=0 source=0 type='image/png' data='AA=='\n0.0 end\n"},
    {"the prompt is blocked", "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":3}}",
     "0.0 start\n0.0 finish filter\n0.0 usage in=3 out=0 cached=0 reasoning=0\n"},
    {"reasons", STOP("FINISH_REASON_UNSPECIFIED") "\n" STOP("RECITATION") "\n" STOP("MALFORMED_FUNCTION_CALL"), "0.0 start\n0.0 finish filter\n0.0 finish filter\n"},
    {"two candidates", "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}},{\"index\":5,\"finishReason\":\"STOP\"}]}",
     "0.0 start\n0.0 part text\n0.0 delta text='a'\n5.0 finish end\n"},
    {"counts", "{\"usageMetadata\":{\"promptTokenCount\":5,\"totalTokenCount\":9}}\n{\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":4,\"thoughtsTokenCount\":7,\"cachedContentTokenCount\":2,\"toolUsePromptTokenCount\":10}}\n{\"usageMetadata\":{\"promptTokenCount\":5}}",
     "0.0 start\n0.0 usage in=5 out=0 cached=0 reasoning=0\n0.0 usage in=15 out=11 cached=2 reasoning=7\n0.0 usage in=15 out=11 cached=2 reasoning=7\n"},
    {"log-probabilities", "{\"candidates\":[{\"logprobsResult\":{\"chosenCandidates\":[{\"token\":\"a\",\"logProbability\":-1.50},{\"token\":\"b\"}],\"topCandidates\":[{\"candidates\":[{\"token\":\"c\",\"logProbability\":-2}]}]}}]}",
     "0.0 start\n0.0 logprobs text='{\"token\":\"a\",\"logprob\":-1.50,\"bytes\":[97],\"top_logprobs\":[{\"token\":\"c\",\"logprob\":-2,\"bytes\":[99]}]},{\"token\":\"b\",\"logprob\":0,\"bytes\":[98],\"top_logprobs\":[]}'\n"},
    {"what is not known", "{\"candidates\":[{\"content\":{\"parts\":[{\"executableCode\":{}},{\"new\":1},7]}},8]}", "0.0 start\n"},
};
/* clang-format on */

static void answers_are_told_as_events(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct telling t;
        struct err e;

        telling_begin(&t, false);
        if (tell_events(&t, answers[i].in, &e) < 0)
            fail_msg("'%s': %s", answers[i].name, e.text);
        same(answers[i].name, &t.text, answers[i].events);
        telling_end(&t);
    }
}

static void other_answers_are_refused(void **state)
{
    static const char *const rows[][2] = {
        {"3", "the body: an object is wanted"},
        {PART("{\"functionCall\":{\"args\":{}}}"), "a function call without a name, or in pieces"},
        {PART("{\"functionCall\":{\"name\":\"f\",\"partialArgs\":[]}}"),
         "a function call without a name, or in pieces"},
        {"{\"candidates\":[{\"index\":128}]}", "the answer has more than 128 candidates"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct telling t;
        struct err e;

        telling_begin(&t, false);
        assert_int_equal(tell_events(&t, rows[i][0], &e), -1);
        assert_string_equal(e.text, rows[i][1]);
        telling_end(&t);
    }
}

#define ID ",\"modelVersion\":\"mine\",\"responseId\":\"a\"}"
#define OUT(p)                                                                                     \
    "{\"candidates\":[{\"content\":{\"parts\":[" p "],\"role\":\"model\"},\"index\":0}]" ID
#define LAST(usage)                                                                                \
    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},"              \
    "\"finishReason\":\"STOP\",\"index\":0}]" usage ID
#define IN                                                                                         \
    PART("{\"text\":\"a\"}")                                                                       \
    "\n" PART("{\"functionCall\":{\"id\":\"c\",\"name\":\"f\",\"args\":{\"n\":1}},"                \
              "\"thoughtSignature\":\"QQ==\"}") "\n" STOP("STOP") "\n"                             \
                                                                  "{\"usageMetadata\":{"           \
                                                                  "\"promptTokenCount\":5,"        \
                                                                  "\"candidatesTokenCount\":4,"    \
                                                                  "\"thoughtsTokenCount\":7}}"
#define CALL_OUT                                                                                   \
    "{\"functionCall\":{\"id\":\"c\",\"name\":\"f\",\"args\":{\"n\":1}},\"thoughtSignature\":"     \
    "\"QQ==\"}"
#define USAGE_OUT                                                                                  \
    ",\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":4,\"totalTokenCount\":"   \
    "16,\"thoughtsTokenCount\":7}"

/* As SSE and as a list: no finishReason before the end. */
static void streams_end_at_their_end(void **state)
{
    static const char *const want[2][2] = {
        {"data: " OUT("{\"text\":\"a\"}") "\r\n\r\ndata: " OUT(CALL_OUT) "\r\n\r\n",
         "data: " LAST(USAGE_OUT) "\r\n\r\n"},
        {"[" OUT("{\"text\":\"a\"}") ",\r\n" OUT(CALL_OUT), ",\r\n" LAST(USAGE_OUT) "]\n"},
    };

    for (int list = 0; list < 2; list++) {
        struct telling t;
        struct err e;

        telling_begin(&t, list);
        t.write = true;
        assert_int_equal(tell_events(&t, IN, &e), 0);
        same("before the end", &t.out, want[list][0]);
        buf_reset(&t.out);
        assert_int_equal(C->end(&t.w, &e), 0);
        same("the end", &t.out, want[list][1]);
        telling_end(&t);
    }
}

/* Arguments of others may stand in several lines; an event may not. */
static void arguments_are_one_line(void **state)
{
    struct chat_event ev = {.kind = CHAT_EVENT_PART,
                            .part = CHAT_PART_TOOL_CALL,
                            .id = SPAN_LIT("c"),
                            .name = SPAN_LIT("f")};
    struct telling t;
    struct err e;

    telling_begin(&t, false);
    assert_int_equal(C->write_event(&t.w, &ev, &e), 0);
    ev.kind = CHAT_EVENT_DELTA;
    ev.text = SPAN_LIT("{\n  \"n\":\r\n1\n}");
    assert_int_equal(C->write_event(&t.w, &ev, &e), 0);
    ev.kind = CHAT_EVENT_PART_END;
    assert_int_equal(C->write_event(&t.w, &ev, &e), 0);
    assert_true(span_contains(buf_span(&t.out), SPAN_LIT("\"args\":{   \"n\":  1 }}")));
    telling_end(&t);
}

static void whole_answers_are_written(void **state)
{
    struct chat_collect *all;
    struct telling t;
    struct err e;

    telling_begin(&t, false);
    assert_int_equal(chat_collect_new(&all, BUDGET, &e), 0);
    t.r.sink = chat_collect_sink(all);
    assert_int_equal(tell_events(&t, IN, &e), 0);
    assert_int_equal(C->write_answer(&t.w, chat_collect_answer(all), &e), 0);
    same("whole", &t.out,
         "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}," CALL_OUT
         "],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}]" USAGE_OUT ID);
    chat_collect_free(&all);
    telling_end(&t);
}

/* ---- signatures of others ---- */

/* Claude's thinking, told to a Gemini client and given back by it, is what it was. */
static void signatures_of_others_come_back(void **state)
{
    static const struct {
        enum chat_signer signer;
        bool redacted;
        const char *signature;
    } rows[] = {
        {CHAT_SIGNER_ANTHROPIC, false, "EqQB+/="},
        {CHAT_SIGNER_ANTHROPIC, true, "x"},
        {CHAT_SIGNER_OPENAI, false, "gAAAA_-"},
        {CHAT_SIGNER_OPENAI, true, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct request r;
        const struct chat_part *p;
        struct arena a;
        struct span s;
        char json[1024];
        struct err e;

        arena_init(&a, BUDGET);
        s = gemini_sign(&a, span_str(rows[i].signature), rows[i].signer, rows[i].redacted);
        (void)snprintf(json, sizeof(json),
                       "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"text\":\"h\",\"thought\":"
                       "true},{\"text\":\"m\",\"thought\":true}]},{\"role\":\"model\",\"parts\":[{"
                       "\"text\":\"\",\"thought\":true,\"thoughtSignature\":\"%.*s\"}]}]}",
                       SPAN_FMT(s));
        assert_int_equal(read_request(&r, json, &e), 0);
        p = r.q.messages->parts;
        while (p->next)
            p = p->next;
        assert_int_equal(p->kind, CHAT_PART_THINKING);
        assert_true(span_is(p->signature, rows[i].signature));
        assert_int_equal(p->signer, rows[i].signer);
        assert_int_equal(p->redacted, rows[i].redacted);
        assert_true(span_is(p->text, rows[i].redacted ? "" : "hm"));
        assert_int_equal(p == r.q.messages->parts, !rows[i].redacted);
        free_request(&r);
        arena_fini(&a);
    }
}

/* ---- the table ---- */

static void every_loss_has_its_page(void **state)
{
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++) {
        const struct convert_loss_row *row = &C->loss[f];

        assert_int_equal(row->feature, f);
        assert_int_equal(row->how != NULL, row->loss == APPROXIMATE || row->loss == PARTLY);
        assert_int_equal(row->page != NULL, row->loss != CARRIED);
    }
}

static void reasons_go_both_ways(void **state)
{
    static const struct {
        enum chat_stop stop;
        const char *reason;
    } rows[] = {
        {CHAT_STOP_NONE, "STOP"},         {CHAT_STOP_END, "STOP"},
        {CHAT_STOP_TEXT, "STOP"},         {CHAT_STOP_TOOL, "STOP"},
        {CHAT_STOP_LENGTH, "MAX_TOKENS"}, {CHAT_STOP_FILTER, "SAFETY"},
        {CHAT_STOP_REFUSAL, "SAFETY"},    {CHAT_STOP_PAUSE, "OTHER"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(gemini_reason(rows[i].stop), rows[i].reason);
    assert_int_equal(gemini_stop(SPAN_LIT("STOP")), CHAT_STOP_END);
    assert_int_equal(gemini_stop(SPAN_LIT("MAX_TOKENS")), CHAT_STOP_LENGTH);
    assert_int_equal(gemini_stop(SPAN_LIT("NO_SUCH_REASON")), CHAT_STOP_FILTER);
}

/* ---- memory ---- */

static bool there_and_back(const char *json)
{
    struct request r;
    struct buf b;
    struct err e;
    bool ok;

    buf_init(&b, BUDGET);
    ok = read_request(&r, json, &e) == 0 && C->write_request(&b, &r.q, &new_model, &e) == 0 &&
         buf_ok(&b);
    free_request(&r);
    buf_fini(&b);
    return ok;
}

static bool told(void)
{
    struct telling t;
    struct err e;
    bool ok;

    telling_begin(&t, false);
    t.write = true;
    ok = tell_events(&t, IN, &e) == 0 && C->end(&t.w, &e) == 0 && buf_ok(&t.text);
    telling_end(&t);
    return ok;
}

static void without_memory_nothing_is_said(void **state)
{
    for (size_t i = 0; i <= ARRAY_LEN(requests); i++) {
        bool hit = true, ok;

        for (size_t at = 1; hit; at++) {
            mem_torture(at, false);
            ok = i < ARRAY_LEN(requests) ? there_and_back(requests[i].in) : told();
            hit = mem_torture_hit();
            mem_torture(0, false);
            assert_int_equal(ok, !hit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read_and_written),
        cmocka_unit_test(others_are_refused_by_their_place),
        cmocka_unit_test(calls_that_wait_are_bounded),
        cmocka_unit_test(a_loop_of_tools_that_others_began),
        cmocka_unit_test(system_messages_are_gathered),
        cmocka_unit_test(plain_documents_are_bytes),
        cmocka_unit_test(names_that_google_refuses_are_others),
        cmocka_unit_test(what_cannot_be_said_is_refused),
        cmocka_unit_test(effort_is_said_as_the_model_knows_it),
        cmocka_unit_test(answers_are_told_as_events),
        cmocka_unit_test(other_answers_are_refused),
        cmocka_unit_test(streams_end_at_their_end),
        cmocka_unit_test(arguments_are_one_line),
        cmocka_unit_test(whole_answers_are_written),
        cmocka_unit_test(signatures_of_others_come_back),
        cmocka_unit_test(every_loss_has_its_page),
        cmocka_unit_test(reasons_go_both_ways),
        cmocka_unit_test(without_memory_nothing_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
