/*
 * Goal: documents with what is known of them, citations, and what only Gemini's clients say reach a
 * target, or a client, that can be told of them; for others they are named, or the target is not
 * asked.
 * Method: rows of requests and answers, and what is in what they become. Quotes are single, for
 * legibility.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "told.h"

#define MESSAGES(more)  "{'max_tokens':9000,'messages':[{'role':'user','content':'hi'}]" more "}"
#define RESPONSES(more) "{'input':'hi'" more "}"
#define GEMINI(more)    "{'contents':[{'parts':[{'text':'hi'}]}]" more "}"

/* ---- documents, and what is cited of them ---- */

#define DOCUMENT(more)                                                                             \
    "{'max_tokens':9,'messages':[{'role':'user','content':[{'type':'document','source':{'type':"   \
    "'text','media_type':'text/plain','data':'d'}" more "}]}]}"
#define FOUND(title)                                                                               \
    "{'max_tokens':9,'messages':[{'role':'user','content':[{'type':'search_result','source':'s'"   \
    "," title "'content':[{'type':'text','text':'d'}],'citations':{'enabled':true}}]}]}"
#define CITED "'citations':{'enabled':true}"

#define TOLD(citation)                                                                             \
    "{'max_tokens':9,'messages':[{'role':'user','content':'a'},{'role':'assistant','content':[{"   \
    "'type':'text','text':'t','citations':[" citation "]}]},{'role':'user','content':'b'}]}"
#define PAGE                                                                                       \
    "{'type':'page_location','cited_text':'c','document_index':0,'document_title':'d',"            \
    "'start_page_number':1,'end_page_number':2}"
#define FOUND_AT                                                                                   \
    "{'type':'search_result_location','cited_text':'c','search_result_index':0,'source':'s',"      \
    "'title':'t','start_block_index':0,'end_block_index':1}"
#define WEB "{'type':'web_search_result_location','cited_text':'c','url':'u','encrypted_index':'i'}"

static void what_is_known_of_a_document_reaches_claude(void **state)
{
    static const struct {
        const struct convert *target;
        const char *model, *in, *has, *dropped;
    } rows[] = {
        {&convert_bedrock_converse, "anthropic.claude-sonnet-4-5",
         DOCUMENT(",'context':'c'," CITED), "'source':{'bytes':'ZA=='},'context':'c'," CITED "}}",
         ""},
        {&convert_bedrock_converse, "amazon.nova-pro", DOCUMENT(",'context':'c'," CITED),
         "'source':{'bytes':'ZA=='}}}", "citing, document-context"},
        {&convert_bedrock_converse, "anthropic.claude-sonnet-4-5", FOUND("'title':'t',"),
         "[{'searchResult':{'source':'s','title':'t','content':[{'text':'d'}]," CITED "}}]", ""},
        {&convert_bedrock_converse, "anthropic.claude-sonnet-4-5", FOUND(""),
         "'source':{'bytes':'ZA=='}," CITED "}}", "document-context"},
        {&convert_bedrock_converse, "amazon.nova-pro", FOUND("'title':'t',"),
         "'source':{'bytes':'ZA=='}}}", "citing, document-context"},
        {&convert_bedrock_converse, "anthropic.claude-sonnet-4-5", TOLD(PAGE),
         "[{'citationsContent':{'content':[{'text':'t'}],'citations':[{'title':'d','sourceContent':"
         "[{'text':'c'}],'location':{'documentPage':{'documentIndex':0,'start':1,'end':2}}}]}}]",
         ""},
        {&convert_bedrock_converse, "anthropic.claude-sonnet-4-5", TOLD(FOUND_AT),
         "{'title':'t','source':'s','sourceContent':[{'text':'c'}],'location':{"
         "'searchResultLocation':{'searchResultIndex':0,'start':0,'end':1}}}",
         ""},
        {&convert_bedrock_converse, "anthropic.claude-sonnet-4-5", TOLD(WEB), "[{'text':'t'}]",
         "citations"},
        {&convert_bedrock_converse, "amazon.nova-pro", TOLD(PAGE), "[{'text':'t'}]", "citations"},
        {&convert_gemini_generate, "gemini-3-pro", FOUND("'title':'t',"), "'data':'ZA=='}}",
         "citing, document-context"},
        {&convert_gemini_generate, "gemini-3-pro", DOCUMENT(",'citations':{'enabled':false}"),
         "'data':'ZA=='}}", ""},
    };
    struct buf out, dropped, approximated;
    char text[256];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ask(&convert_anthropic_messages, rows[i].target, rows[i].model, rows[i].in, &out, &dropped,
            &approximated);
        if (!strstr(out.p, quoted(text, sizeof(text), rows[i].has)))
            fail_msg("row %zu: %s", i, out.p);
        assert_string_equal(dropped.p, rows[i].dropped);
        fini(&out, &dropped, &approximated);
    }
}

/* In a whole answer as in a stream: both are the same events. */
static void citations_that_a_client_cannot_have_are_named(void **state)
{
#define CLAUDE_SAYS                                                                                \
    "{'id':'i','type':'message','role':'assistant','model':'m','content':[{'type':'text','text':"  \
    "'t','citations':[{'type':'char_location','cited_text':'c'}]}],'stop_reason':'end_turn',"      \
    "'usage':{'input_tokens':1,'output_tokens':1}}"
#define COHERE_SAYS                                                                                \
    "{'id':'i','finish_reason':'COMPLETE','message':{'role':'assistant','content':[{'type':'text'" \
    ",'text':'t'}],'citations':[{'start':0,'end':1,'text':'t'}]}}"
#define GEMINI_SAYS                                                                                \
    "{'candidates':[{'content':{'parts':[{'text':'t'}]},'finishReason':'STOP','citationMetadata':" \
    "{'citationSources':[{'endIndex':1,'uri':'u'}]}}]}"
    static const struct {
        const struct convert *client, *target;
        const char *answer, *dropped;
    } rows[] = {
        {&convert_openai_chat, &convert_anthropic_messages, CLAUDE_SAYS, "citations"},
        {&convert_openai_responses, &convert_anthropic_messages, CLAUDE_SAYS, "citations"},
        {&convert_gemini_generate, &convert_anthropic_messages, CLAUDE_SAYS, "citations"},
        {&convert_anthropic_messages, &convert_anthropic_messages, CLAUDE_SAYS, ""},
        {&convert_openai_chat, &convert_cohere_chat, COHERE_SAYS, "citations"},
        {&convert_anthropic_messages, &convert_cohere_chat, COHERE_SAYS, "citations"},
        {&convert_openai_chat, &convert_gemini_generate, GEMINI_SAYS, ""},
        {&convert_anthropic_messages, &convert_gemini_generate, GEMINI_SAYS, "citations"},
    };
    char text[1024];

    UNUSED(state);
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        struct translate_conf conf = {.client = rows[i / 2].client,
                                      .target = rows[i / 2].target,
                                      .model = SPAN_LIT("m"),
                                      .id = SPAN_LIT("i"),
                                      .answer_max = MEGA};
        bool gemini = conf.client == &convert_gemini_generate;
        struct translate *t = NULL;
        struct buf out, dropped;
        struct err e;

        buf_init(&out, MEGA);
        buf_init(&dropped, MEGA);
        quoted(text, sizeof(text),
               gemini                                     ? GEMINI("")
               : conf.client == &convert_openai_responses ? RESPONSES("")
                                                          : MESSAGES(""));
        assert_int_equal(translate_new(&t, &conf, span_str(text), &e), 0);
        quoted(text, sizeof(text), rows[i / 2].answer);
        if (translate_answer(t, span_str(text), i % 2, &out, &e) < 0)
            fail_msg("row %zu: %s", i / 2, e.text);
        translate_dropped(t, &dropped);
        if (!span_is(buf_span(&dropped), rows[i / 2].dropped))
            fail_msg("row %zu: dropped '%.*s'", i / 2, SPAN_FMT(buf_span(&dropped)));
        translate_free(&t);
        buf_fini(&out);
        buf_fini(&dropped);
    }
}

/* ---- clients of Gemini ---- */

#define FUNCTIONS ",'tools':[{'functionDeclarations':[{'name':'f'},{'name':'g'},{'name':'h'}]}]"
#define CHOICE(mode, names)                                                                        \
    ",'toolConfig':{'functionCallingConfig':{'mode':'" mode "','allowedFunctionNames':[" names "]" \
    "}}"
#define SEE(type, more)                                                                            \
    "{'contents':[{'parts':[{'inlineData':{'mimeType':'" type "','data':'AAAA'}" more "}]}]"
#define RESOLUTION(word) ",'generationConfig':{'mediaResolution':'MEDIA_RESOLUTION_" word "'}"
#define LEVEL(word)      ",'mediaResolution':{'level':'MEDIA_RESOLUTION_" word "'}"

static void what_geminis_clients_say_reaches_others(void **state)
{
    static const struct {
        const char *in, *has, *has_not, *dropped;
    } rows[] = {
        {GEMINI(FUNCTIONS CHOICE("ANY", "'f','h'")), "'tool_choice':'required'", "'g'", ""},
        {GEMINI(FUNCTIONS CHOICE("ANY", "'f','h'")), "'name':'h'", "'g'", ""},
        {GEMINI(FUNCTIONS CHOICE("VALIDATED", "'g'")), "'name':'g'", "'h'",
         "toolConfig.functionCallingConfig.mode"},
        {GEMINI(FUNCTIONS CHOICE("ANY", "")), "'name':'g'", "'i'", ""},
        {GEMINI(FUNCTIONS CHOICE("NONE", "'f','g'")), "'name':'h'", "'i'",
         "toolConfig.functionCallingConfig.allowedFunctionNames"},
        {SEE("image/png", "") RESOLUTION("LOW") "}", "'detail':'low'", "'high'", ""},
        {SEE("image/png", LEVEL("HIGH")) RESOLUTION("LOW") "}", "'detail':'high'", "'low'", ""},
        {SEE("image/png", LEVEL("ULTRA_HIGH")) "}", "'detail':'original'", "'low'", ""},
        {SEE("image/png", LEVEL("UNSPECIFIED")) RESOLUTION("UNSPECIFIED") "}", "image_url",
         "detail", ""},
        {SEE("image/png", "") RESOLUTION("MEDIUM") "}", "image_url", "detail",
         "generationConfig.mediaResolution"},
        {SEE("application/pdf", "") RESOLUTION("LOW") "}", "file_data", "detail",
         "generationConfig.mediaResolution"},
        {SEE("application/pdf", LEVEL("LOW")) "}", "file_data", "detail",
         "contents[0].parts[0].mediaResolution"},
        {GEMINI(RESOLUTION("LOW")), "hi", "detail", ""},
    };
    struct buf out, dropped, approximated;
    char text[128];

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ask(&convert_gemini_generate, &convert_openai_chat, "m", rows[i].in, &out, &dropped,
            &approximated);
        if (!strstr(out.p, quoted(text, sizeof(text), rows[i].has)) ||
            strstr(out.p, quoted(text, sizeof(text), rows[i].has_not)))
            fail_msg("row %zu: %s", i, out.p);
        if (!strstr(dropped.p, rows[i].dropped) || (dropped.n > 1 && !*rows[i].dropped))
            fail_msg("row %zu: dropped '%s'", i, dropped.p);
        fini(&out, &dropped, &approximated);
    }
}

/* Nobody else is asked for a picture, or for so many names, or with a word that nobody knows. */
static void what_geminis_clients_cannot_have_is_refused(void **state)
{
    struct translate_conf conf = {.client = &convert_gemini_generate, .id = SPAN_LIT("i")};
    struct translate *t = NULL;
    char in[2048];
    struct buf b;
    struct err e;

    UNUSED(state);
    quoted(in, sizeof(in), GEMINI(",'generationConfig':{'responseModalities':['TEXT','IMAGE']}"));
    for (size_t i = 0; i < CONVERTS; i++) {
        conf.target = convert_row(i);
        assert_int_equal(translate_new(&t, &conf, span_str(in), &e), 0);
        assert_int_equal(translate_obstacle(t),
                         conf.target == conf.client ? CHAT_FEATURES : CHAT_HAS_MODALITIES);
        translate_free(&t);
    }
    for (int n = 128; n <= 129; n++) {
        buf_init(&b, MEGA);
        buf_add_str(&b, "{'contents':[]" CHOICE("ANY", "'f'"));
        b.n -= strlen("]}}");
        for (int i = 1; i < n; i++)
            buf_add_str(&b, ",'f'");
        buf_add(&b, "]}}}", 5);
        assert_int_equal(translate_new(&t, &conf, span_str(quoted(in, sizeof(in), b.p)), &e),
                         n == 128 ? 0 : -1);
        translate_free(&t);
        buf_fini(&b);
    }
    assert_string_equal(e.text,
                        "toolConfig.functionCallingConfig.allowedFunctionNames: more than 128");
    quoted(in, sizeof(in), GEMINI(RESOLUTION("TINY")));
    assert_int_equal(translate_new(&t, &conf, span_str(in), &e), -1);
    assert_string_equal(e.text, "generationConfig.mediaResolution: MEDIA_RESOLUTION_LOW, _MEDIUM, "
                                "_HIGH or _ULTRA_HIGH is wanted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_of_a_document_reaches_claude),
        cmocka_unit_test(citations_that_a_client_cannot_have_are_named),
        cmocka_unit_test(what_geminis_clients_say_reaches_others),
        cmocka_unit_test(what_geminis_clients_cannot_have_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
