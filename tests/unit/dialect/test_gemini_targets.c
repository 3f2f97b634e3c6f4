/*
 * Goal: each of Gemini's models, and each host of them, is told what it takes, and what it is not
 * told is named.
 * Method: rows of requests in the dialects of clients, and the JSON that they become. Quotes are
 * single, for legibility.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/dialect.h"
#include "dialect/translate.h"

#define MEGA ((size_t)1024 * 1024)

#define HI             "{'role':'user','parts':[{'text':'hi'}]}"
#define CONTENTS       "'contents':[" HI "]"
#define CONF           "'generationConfig':{}"
#define MESSAGES(more) "{'max_tokens':9,'messages':[{'role':'user','content':'hi'}]" more "}"
#define LIMIT          "'maxOutputTokens':9"

#define A (&convert_anthropic_messages)

static const struct convert_host google = {0}, vertex = {.vertex = true};

static char *quoted(char *out, size_t cap, const char *in)
{
    size_t n = 0;

    for (; *in && n + 1 < cap; in++)
        out[n++] = *in == '\'' ? '"' : *in;
    assert_int_equal(*in, '\0');
    out[n] = '\0';
    return out;
}

struct asked {
    struct buf out, dropped, approximated;
    struct err e;
    bool refused;
};

static void ask(struct asked *a, const struct convert *client, const struct convert_host *host,
                const char *model, bool count, const char *in)
{
    struct translate_conf conf = {.client = client,
                                  .target = &convert_gemini_generate,
                                  .host = host,
                                  .model = SPAN_LIT("m"),
                                  .id = SPAN_LIT("i"),
                                  .answer_max = MEGA};
    struct convert_to to = {.model = span_str(model), .signer = CHAT_SIGNER_GEMINI, .count = count};
    struct translate *t = NULL;
    char body[2048];

    *a = (struct asked){0};
    buf_init(&a->out, MEGA);
    buf_init(&a->dropped, MEGA);
    buf_init(&a->approximated, MEGA);
    if (translate_new(&t, &conf, span_str(quoted(body, sizeof(body), in)), &a->e) < 0)
        fail_msg("%s: %s", in, a->e.text);
    a->refused = translate_request(t, &a->out, &to, &a->e) < 0;
    translate_dropped(t, &a->dropped);
    translate_approximated(t, &a->approximated);
    translate_free(&t);
}

static void told(struct asked *a)
{
    buf_fini(&a->out);
    buf_fini(&a->dropped);
    buf_fini(&a->approximated);
}

static void same(const char *in, const struct buf *got, const char *want)
{
    char text[2048];

    if (!span_is(buf_span(got), quoted(text, sizeof(text), want)))
        fail_msg("%s\ngot %.*s\nnot %s", in, SPAN_FMT(buf_span(got)), text);
}

/* ---- counts ---- */

#define TOOLS                                                                                      \
    ",'system':'s','tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':" \
    "'any'},'service_tier':'auto'"
#define SYSTEM "'systemInstruction':{'parts':[{'text':'s'}]}"
#define DECLARED                                                                                   \
    "'tools':[{'functionDeclarations':[{'name':'f','parametersJsonSchema':{'type':'object'}}]}]"

static void a_prompt_is_counted_as_the_host_takes_it(void **state)
{
    static const struct {
        const struct convert_host *host;
        const char *want;
    } rows[] = {
        {&google,
         "{'generateContentRequest':{'model':'models/m'," CONTENTS "," SYSTEM "," DECLARED
         ",'toolConfig':{'functionCallingConfig':{'mode':'ANY'}},'generationConfig':{" LIMIT "}}}"},
        {&vertex, "{" CONTENTS "," SYSTEM "," DECLARED ",'generationConfig':{" LIMIT "}}"},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct asked a;

        ask(&a, A, rows[i].host, "m", true, MESSAGES(TOOLS));
        same("count", &a.out, rows[i].want);
        told(&a);
    }
}

/* ---- results ---- */

static void a_failure_is_told_whatever_the_tool_said(void **state)
{
    static const struct {
        const char *result, *response;
    } rows[] = {
        {"'content':'{\\'code\\':5}','is_error':true", "{'error':{'code':5}}"},
        {"'content':'{\\'code\\':5}'", "{'code':5}"},
        {"'content':'{\\'error\\':{\\'a\\':1},\\'b\\':2}','is_error':true",
         "{'error':{'a':1},'b':2}"},
        {"'content':'{\\'error\\':null}','is_error':true", "{'error':{'error':null}}"},
        {"'content':'no','is_error':true", "{'error':'no'}"},
        {"'is_error':true", "{'error':''}"},
    };
    char in[1024], want[1024];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct asked a;

        snprintf(in, sizeof(in),
                 "{'max_tokens':9,'messages':[{'role':'assistant','content':[{'type':'tool_use',"
                 "'id':'c','name':'f','input':{}}]},{'role':'user','content':[{'type':"
                 "'tool_result','tool_use_id':'c',%s}]}]}",
                 rows[i].result);
        snprintf(want, sizeof(want),
                 "{'contents':[{'role':'model','parts':[{'functionCall':{'id':'c','name':'f','args'"
                 ":{}}}]},{'role':'user','parts':[{'functionResponse':{'id':'c','name':'f',"
                 "'response':%s}}]}],'generationConfig':{" LIMIT "}}",
                 rows[i].response);
        ask(&a, A, &google, "gemini-2.5-flash", false, in);
        same(in, &a.out, want);
        assert_int_equal(a.dropped.n, 0);
        told(&a);
    }
}

#define SHOWN         "'inlineData':{'mimeType':'image/png','data':'AAAA'}"
#define LINKED        "'fileData':{'mimeType':'image/png','fileUri':'https://h/a.png'}"
#define BYTES(detail) "{'type':'input_image','image_url':'data:image/png;base64,AAAA'" detail "}"
#define LINK          "{'type':'input_image','image_url':'https://h/a.png'}"
#define HIGH          ",'detail':'high'"

/* A part of a result says nothing of how closely to look. */
static void images_of_a_result_stand_where_the_host_takes_them(void **state)
{
    static const struct {
        const struct convert_host *host;
        const char *model, *images, *parts, *dropped, *approximated;
    } rows[] = {
        {&google, "gemini-3-pro", BYTES(""), ",'parts':[{" SHOWN "}]}}", "", ""},
        {&google, "gemini-3-pro", BYTES(HIGH), ",'parts':[{" SHOWN "}]}}", "image-detail", ""},
        {&google, "gemini-3-pro", BYTES("") "," LINK, ",'parts':[{" SHOWN "},{" LINKED "}]}}", "",
         ""},
        {&google, "gemini-2.5-pro", BYTES(""), "}},{" SHOWN "}", "", "tool-result-image"},
        {&google, "gemini-2.5-pro", BYTES(HIGH), "}},{" SHOWN "}", "image-detail",
         "tool-result-image"},
    };
    char in[1024], want[1024];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct asked a;

        snprintf(in, sizeof(in),
                 "{'input':[{'type':'function_call','call_id':'c','name':'f','arguments':'{}'},{"
                 "'type':'function_call_output','call_id':'c','output':[%s]}]}",
                 rows[i].images);
        snprintf(want, sizeof(want), "'response':{'output':''}%s],", rows[i].parts);
        ask(&a, &convert_openai_responses, rows[i].host, rows[i].model, false, in);
        quoted(in, sizeof(in), want);
        in[strlen(in) - 1] = '}'; /* the parts end there */
        if (a.refused || !span_contains(buf_span(&a.out), span_str(in)))
            fail_msg("row %zu: not %s\nin %.*s", i, in, SPAN_FMT(buf_span(&a.out)));
        same(rows[i].images, &a.dropped, rows[i].dropped);
        same(rows[i].images, &a.approximated, rows[i].approximated);
        told(&a);
    }
}

/* ---- what models take ---- */

#define BUDGET(n) MESSAGES(",'thinking':{'type':'enabled','budget_tokens':" #n "}")
#define TOOL      ",'tools':[{'name':'f','input_schema':{'type':'object'}}]"
#define BOUND     ",'output_config':{'format':{'type':'json_schema','schema':{'type':'object'}}}"

static void budgets_are_within_the_models_bounds(void **state)
{
    static const struct {
        const char *model, *in, *budget, *approximated;
    } rows[] = {
        {"gemini-2.5-pro", BUDGET(127), "128", "budget"},
        {"gemini-2.5-pro", BUDGET(128), "128", ""},
        {"gemini-2.5-pro", BUDGET(32768), "32768", ""},
        {"models/gemini-2.5-pro-001", BUDGET(32769), "32768", "budget"},
        {"gemini-2.5-pro", BUDGET(0), "128", "budget"},
        {"gemini-2.5-flash", BUDGET(0), "0", ""},
        {"gemini-2.5-flash", BUDGET(24576), "24576", ""},
        {"gemini-2.5-flash", BUDGET(50000), "24576", "budget"},
        {"gemini-2.5-flash-lite", BUDGET(511), "512", "budget"},
        {"gemini-2.5-flash-lite", BUDGET(512), "512", ""},
        {"gemini-2.5-flash-lite", BUDGET(24577), "24576", "budget"},
        {"gemini-3-pro", BUDGET(50000), "50000", ""},
        {"gemini-2.5-pro", MESSAGES(",'thinking':{'type':'disabled'}"), "128", "effort"},
        {"gemini-2.5-flash", MESSAGES(",'thinking':{'type':'disabled'}"), "0", ""},
    };
    char want[64];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct asked a;

        ask(&a, A, &google, rows[i].model, false, rows[i].in);
        (void)snprintf(want, sizeof(want), "{\"thinkingBudget\":%s%s", rows[i].budget,
                       strstr(rows[i].in, "enabled") ? "," : "}");
        if (!span_contains(buf_span(&a.out), span_str(want)))
            fail_msg("%s: %s\n%.*s", rows[i].model, rows[i].in, SPAN_FMT(buf_span(&a.out)));
        same(rows[i].in, &a.approximated, rows[i].approximated);
        same(rows[i].in, &a.dropped, "");
        told(&a);
    }
}

static void json_beside_tools_is_asked_of_new_models(void **state)
{
    static const struct {
        const char *model, *in;
        bool refused;
    } rows[] = {
        {"gemini-2.5-pro", MESSAGES(TOOL BOUND), true},
        {"gemini-2.5-pro", MESSAGES(TOOL), false},
        {"gemini-2.5-pro", MESSAGES(BOUND), false},
        {"gemini-3-pro", MESSAGES(TOOL BOUND), false},
        {"gemini-flash-latest", MESSAGES(TOOL BOUND), false},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct asked a;

        ask(&a, A, &google, rows[i].model, false, rows[i].in);
        if (a.refused != rows[i].refused)
            fail_msg("%s: %s", rows[i].model, rows[i].in);
        if (a.refused)
            assert_string_equal(a.e.text, "response_format: models before Gemini 3 do not take it "
                                          "together with tools");
        told(&a);
    }
}

static void tools_that_must_not_be_called_make_room_for_json(void **state)
{
    static const struct {
        const char *model, *approximated;
        bool tools;
    } rows[] = {
        {"gemini-2.5-pro", "tools", false},
        {"gemini-3-pro", "", true},
    };

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct asked a;

        ask(&a, A, &google, rows[i].model, false,
            MESSAGES(TOOL BOUND ",'tool_choice':{'type':'none'}"));
        assert_false(a.refused);
        assert_int_equal(span_contains(buf_span(&a.out), SPAN_LIT("functionDeclarations")),
                         rows[i].tools);
        assert_int_equal(span_contains(buf_span(&a.out), SPAN_LIT("\"toolConfig\"")),
                         rows[i].tools);
        assert_true(span_contains(buf_span(&a.out), SPAN_LIT("responseJsonSchema")));
        same("JSON", &a.approximated, rows[i].approximated);
        told(&a);
    }
}

static void five_texts_end_an_answer(void **state)
{
    static const char *const stops[] = {"['a','b','c','d','e']", "['a','b','c','d','e','f']"};
    char in[256];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        struct asked a;

        (void)snprintf(in, sizeof(in), MESSAGES(",'stop_sequences':%s"), stops[i]);
        ask(&a, A, &google, "gemini-2.5-flash", false, in);
        assert_true(span_contains(buf_span(&a.out),
                                  SPAN_LIT("\"stopSequences\":[\"a\",\"b\",\"c\",\"d\",\"e\"]")));
        same(in, &a.approximated, i ? "stop" : "");
        told(&a);
    }
}

/* ---- what hosts take ---- */

#define LOOK(type, url)                                                                            \
    "{'max_tokens':9,'messages':[{'role':'user','content':[{'type':'" type "','source':{'type':"   \
    "'url','url':'" url "'}}]}]}"

static void vertex_is_told_what_an_url_holds(void **state)
{
    static const struct {
        const struct convert_host *host;
        const char *in, *file; /* NULL: it is not asked */
    } rows[] = {
        {&vertex, LOOK("image", "https://h/a.png?b"),
         "{'mimeType':'image/png','fileUri':'https://h/a.png?b'}"},
        {&vertex, LOOK("image", "https://h/a"), NULL},
        {&vertex, LOOK("document", "https://h/a"), NULL},
        {&google, LOOK("image", "https://h/a"), "{'fileUri':'https://h/a'}"},
    };
    char want[256];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct asked a;

        ask(&a, A, rows[i].host, "gemini-2.5-flash", false, rows[i].in);
        assert_int_equal(a.refused, !rows[i].file);
        if (a.refused)
            assert_string_equal(
                a.e.text,
                "'https://h/a' does not tell the type of what it holds, and Vertex AI wants it");
        else if (!span_contains(buf_span(&a.out),
                                span_str(quoted(want, sizeof(want), rows[i].file))))
            fail_msg("%.*s", SPAN_FMT(buf_span(&a.out)));
        told(&a);
    }
}

#define CHAT(more) "{'messages':[{'role':'user','content':'hi'}]" more "}"
#define A7         "aaaaaaa"
#define A63        A7 A7 A7 A7 A7 A7 A7 A7 A7

static void labels_are_told_as_the_host_takes_them(void **state)
{
    static const struct {
        const struct convert_host *host;
        const char *in, *labels, *dropped, *approximated;
    } rows[] = {
        {&google, CHAT(",'metadata':{'a':'b'}"), NULL, "metadata", ""},
        {&vertex, CHAT(",'metadata':{'a':'b','c_-1':''}"), "'labels':{'a':'b','c_-1':''}", "", ""},
        {&vertex, CHAT(",'metadata':{'" A63 "':'" A63 "'}"), "'labels':{'" A63 "':'" A63 "'}", "",
         ""},
        {&vertex, CHAT(",'metadata':{'" A63 "a':'a','a':'" A63 "a'}"), NULL, "metadata", ""},
        {&vertex, CHAT(",'metadata':{'a':'b','B':'c','1':'d','e':'F','':'g'}"),
         "'labels':{'a':'b'}", "", "metadata"},
        {&vertex, CHAT(",'metadata':['a']"), NULL, "metadata", ""},
    };
    char want[512], in[2048];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct asked a;

        ask(&a, &convert_openai_chat, rows[i].host, "m", false, rows[i].in);
        if (!rows[i].labels)
            assert_false(span_contains(buf_span(&a.out), SPAN_LIT("labels")));
        else if (!span_contains(buf_span(&a.out),
                                span_str(quoted(want, sizeof(want), rows[i].labels))))
            fail_msg("%.*s", SPAN_FMT(buf_span(&a.out)));
        same(rows[i].in, &a.dropped, rows[i].dropped);
        same(rows[i].in, &a.approximated, rows[i].approximated);
        told(&a);
    }
    for (int n = 64; n <= 65; n++) {
        struct asked a;
        struct buf b;

        buf_init(&b, MEGA);
        for (int i = 0; i < n; i++)
            buf_printf(&b, "%s'a%d':''", i ? "," : "", i);
        buf_add_char(&b, '\0');
        (void)snprintf(want, sizeof(want), "\"a%d\"", n - 1);
        (void)snprintf(in, sizeof(in), CHAT(",'metadata':{%s}"), b.p);
        ask(&a, &convert_openai_chat, &vertex, "m", false, in);
        assert_int_equal(span_contains(buf_span(&a.out), span_str(want)), n == 64);
        same("labels", &a.approximated, n == 64 ? "" : "metadata");
        told(&a);
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_is_counted_as_the_host_takes_it),
        cmocka_unit_test(a_failure_is_told_whatever_the_tool_said),
        cmocka_unit_test(images_of_a_result_stand_where_the_host_takes_them),
        cmocka_unit_test(budgets_are_within_the_models_bounds),
        cmocka_unit_test(json_beside_tools_is_asked_of_new_models),
        cmocka_unit_test(tools_that_must_not_be_called_make_room_for_json),
        cmocka_unit_test(five_texts_end_an_answer),
        cmocka_unit_test(vertex_is_told_what_an_url_holds),
        cmocka_unit_test(labels_are_told_as_the_host_takes_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
