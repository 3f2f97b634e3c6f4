/*
 * Goal: what OpenAI's dialects say to and of others: members that both of them have are carried
 * between them, models are not told what they refuse, and what could not be answered is not called
 * complete.
 * Method: translation between two dialects, in rows of text; quotes are single, for legibility.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "dialect/translate.h"

#define MEGA ((size_t)1024 * 1024)

#define CHAT(more)      "{'messages':[{'role':'user','content':'hi'}]" more "}"
#define RESPONSES(more) "{'input':'hi'" more "}"
#define SAMPLING        ",'temperature':0.5,'top_p':0.5,'logprobs':true,'top_logprobs':2"
#define CUT             "temperature, top-p, logprobs"
#define BEYOND          ",'stop':'x','frequency_penalty':1,'presence_penalty':0,'logit_bias':{'1':2}"

#define C &convert_openai_chat
#define R &convert_openai_responses
#define A &convert_anthropic_messages
#define G &convert_gemini_generate

static const struct convert_host other = {.own_schemas = true};

static void quote(struct buf *out, const char *in)
{
    buf_init(out, MEGA);
    for (; *in; in++)
        buf_add_char(out, *in == '\'' ? '"' : *in);
    buf_add_char(out, '\0');
    assert_true(buf_ok(out));
}

static struct translate *begin(const struct convert *client, const struct convert *target,
                               const struct convert_host *host, const char *in)
{
    struct translate_conf conf = {.client = client,
                                  .target = target,
                                  .host = host,
                                  .model = SPAN_LIT("m"),
                                  .id = SPAN_LIT("i"),
                                  .answer_max = MEGA};
    struct translate *t = NULL;
    struct buf body;
    struct err e;

    quote(&body, in);
    if (translate_new(&t, &conf, span_str(body.p), &e) < 0)
        fail_msg("%s: %s", in, e.text);
    buf_fini(&body);
    return t;
}

/* A text that stands in what was written, or one that does not. */
static void holds(const struct buf *out, const char *piece, bool there)
{
    struct buf want;

    quote(&want, piece);
    if (span_contains(buf_span(out), span_str(want.p)) != there)
        fail_msg("'%s' is %sin %.*s", piece, there ? "not " : "", SPAN_FMT(buf_span(out)));
    buf_fini(&want);
}

/* ---- requests ---- */

#define TOOL(more)                                                                                 \
    RESPONSES(                                                                                     \
        ",'tools':[{'type':'function','name':'f','parameters':{'type':'object','properties':{"     \
        "'a':{'type':'string'}},'required':['a']}" more "}]")
#define LOOSE                                                                                      \
    RESPONSES(",'tools':[{'type':'function','name':'f','parameters':{'type':'object','"            \
              "patternProperties':"                                                                \
              "{}}}]")
#define SHELL                                                                                      \
    RESPONSES(                                                                                     \
        ",'tools':[{'type':'custom','name':'sh'}],'tool_choice':{'type':'custom','name':'sh'}")

#define BYTES(type, more)                                                                          \
    "{'contents':[{'parts':[{'inlineData':{'mimeType':'" type "','data':'AAAA'}" more "}]}]}"
#define PDF     "{'inlineData':{'mimeType':'application/pdf','data':'AAAA'}}"
#define CLOSEST ",'mediaResolution':{'level':'MEDIA_RESOLUTION_ULTRA_HIGH'}"

static const struct {
    const struct convert *client, *target;
    const struct convert_host *host;
    const char *model, *in;
    const char *piece, *lacks; /* NULL: any */
    const char *dropped;
} requests[] = {
    /* a document of nothing but images is these, cached as it was */
    {A, A, NULL, "m",
     "{'max_tokens':9,'messages':[{'role':'user','content':[{'type':'document','source':{'type':"
     "'content','content':[{'type':'image','source':{'type':'base64','media_type':'image/png',"
     "'data':'AAAA'}}]},'cache_control':{'type':'ephemeral'}}]}]}",
     "'cache_control':{'type':'ephemeral'}", "'document'", ""},
    {G, C, NULL, "m",
     "{'contents':[{'parts':[" PDF "," PDF "]}],'generationConfig':{'mediaResolution':"
     "'MEDIA_RESOLUTION_LOW'}}",
     "'file'", NULL, "generationConfig.mediaResolution"},
    /* what copies of the API take, and what not */
    {G, C, &other, "m", BYTES("audio/ogg", ""), "'format':'ogg'", NULL, ""},
    {G, C, &other, "m", BYTES("image/png", CLOSEST), "'detail':'high'", NULL, ""},
    {G, C, NULL, "m", BYTES("image/png", CLOSEST), "'detail':'original'", NULL, ""},
    {C, G, NULL, "gemini-3-pro-image", CHAT(",'modalities':['image','text']"),
     "'responseModalities':['TEXT','IMAGE']", NULL, ""},
    {R, C, NULL, "m", SHELL, "'tool_choice':{'type':'custom','custom':{'name':'sh'}}", NULL, ""},
    /* which requests share a cache, and who asks */
    {R, C, NULL, "m", RESPONSES(",'prompt_cache_key':'k','prompt_cache_retention':'24h'"),
     "'prompt_cache_key':'k','prompt_cache_retention':'24h'", NULL, ""},
    {C, R, NULL, "m", CHAT(",'prompt_cache_key':'k','prompt_cache_retention':'24h'"),
     "'prompt_cache_key':'k','prompt_cache_retention':'24h'", NULL, ""},
    {C, A, NULL, "m", CHAT(",'prompt_cache_key':'k'"), NULL, "prompt_cache", "cache-key"},
    {R, C, &other, "m", RESPONSES(",'prompt_cache_key':'k','prompt_cache_retention':'24h'"),
     "'prompt_cache_key':'k'", "retention", ""},
    {R, C, &other, "m", RESPONSES(",'prompt_cache_retention':'24h'"), NULL, "retention",
     "cache-key"},
    {R, C, &other, "m", RESPONSES(",'safety_identifier':'u','metadata':{'a':'b'}"),
     "'user':'u','metadata':{'a':'b'}", NULL, ""},
    {R, C, NULL, "m", RESPONSES(",'safety_identifier':'u'"), "'safety_identifier':'u'",
     "'user':'u'", ""},
    {R, C, NULL, "m", RESPONSES(",'metadata':{'a':'b'}"), NULL, "metadata", "metadata"},
    /* strict without a word, as far as the schema can be */
    {R, C, NULL, "m", TOOL(""), "'parameters':{'additionalProperties':false,", NULL, ""},
    {R, C, NULL, "m", TOOL(",'strict':null"), "'strict':true", NULL, ""},
    {R, C, NULL, "m", TOOL(",'strict':false"), "'strict':false", NULL, ""},
    {R, C, NULL, "m", LOOSE, "'patternProperties':{}},'strict':false", NULL, "tool-strict"},
    {R, C, &other, "m", TOOL(""), NULL, "strict", "tool-strict"},
    {R, A, NULL, "m", TOOL(""), NULL, "strict", "tool-strict"},
    {R, G, NULL, "m", TOOL(""), NULL, "VALIDATED", "tool-strict"},
    /* models that think, and those that need not */
    {C, C, NULL, "gpt-4o", CHAT(SAMPLING BEYOND), "'logit_bias'", NULL, ""},
    {C, C, NULL, "gpt-5-chat-latest", CHAT(SAMPLING), "'temperature'", NULL, ""},
    {C, C, NULL, "gpt-5-mini", CHAT(SAMPLING), "'hi'}]}", NULL, CUT},
    {C, C, &other, "gpt-5-mini", CHAT(SAMPLING), "'temperature'", NULL, ""},
    {C, C, NULL, "gpt-5-mini", CHAT(",'temperature':1.0,'top_p':1,'logprobs':false"), "'hi'}]}",
     NULL, ""},
    {C, C, NULL, "gpt-5", CHAT(",'temperature':10"), "'hi'}]}", NULL, "temperature"},
    {C, C, NULL, "o3-mini", CHAT(BEYOND), "'hi'}]}", NULL, "stop, penalties, logit-bias"},
    {C, C, NULL, "o4-mini",
     CHAT(",'tools':[{'type':'function','function':{'name':'f'}}],'parallel_tool_calls':false"),
     NULL, "parallel", "tool-parallel"},
    {C, C, NULL, "gpt-5.1", CHAT(SAMPLING), "'temperature'", NULL, ""},
    {C, C, NULL, "gpt-5.2", CHAT(SAMPLING ",'reasoning_effort':'none'"), "'temperature'", NULL, ""},
    {C, C, NULL, "gpt-5.2", CHAT(SAMPLING ",'reasoning_effort':'low'"), NULL, "'temperature'", CUT},
    {C, C, NULL, "gpt-5.2-pro", CHAT(SAMPLING), NULL, "'temperature'", CUT},
    {C, C, NULL, "gpt-5.5", CHAT(SAMPLING), NULL, "'temperature'", CUT},
    {C, C, NULL, "gpt-5.5", CHAT(SAMPLING ",'reasoning_effort':'none'"), "'temperature'", NULL, ""},
    /* names at Azure are the customer's */
    {C, C, NULL, "gpt-5.2-prod", CHAT(SAMPLING), "'temperature'", NULL, ""},
    {C, C, NULL, "gpt-5.2-chatbot", CHAT(SAMPLING), "'temperature'", NULL, ""},
    {C, C, NULL, "gpt-5.2-pro-2025-12-11", CHAT(SAMPLING), NULL, "'temperature'", CUT},
    {C, C, NULL, "prod-o3-mini", CHAT(SAMPLING), NULL, "'temperature'", CUT},
    {C, R, NULL, "gpt-5", CHAT(SAMPLING), NULL, "logprobs", CUT},
    {C, R, NULL, "gpt-5.2", CHAT(SAMPLING), "'top_logprobs'", NULL, ""},
};

static void what_the_target_takes_is_said(void **state)
{
    struct buf out, dropped;
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct translate *t =
            begin(requests[i].client, requests[i].target, requests[i].host, requests[i].in);
        struct convert_to to = {.model = span_str(requests[i].model), .max_tokens = 9};

        buf_init(&out, MEGA);
        buf_init(&dropped, MEGA);
        assert_int_equal(translate_request(t, &out, &to, &e), 0);
        translate_dropped(t, &dropped);
        if (requests[i].piece)
            holds(&out, requests[i].piece, true);
        if (requests[i].lacks)
            holds(&out, requests[i].lacks, false);
        if (!span_is(buf_span(&dropped), requests[i].dropped))
            fail_msg("%s: dropped '%.*s'", requests[i].in, SPAN_FMT(buf_span(&dropped)));
        translate_free(&t);
        buf_fini(&out);
        buf_fini(&dropped);
    }
}

#define CALLS                                                                                      \
    ",'tools':[{'type':'function','function':{'name':'f','parameters':{'type':'object'}}}]"
#define LOW ",'reasoning_effort':'low'"
#define OFF ",'reasoning_effort':'none'"

/* Where chat completions takes tools only from who does not think. */
static const struct {
    const struct convert *target;
    const struct convert_host *host;
    const char *model, *in;
    bool taken;
} thinkers[] = {
    {C, NULL, "gpt-5.4", CHAT(CALLS LOW), false},
    {C, NULL, "gpt-5.4-mini", CHAT(CALLS LOW), false},
    {C, NULL, "gpt-5.4", CHAT(CALLS), true}, /* it does not think unless it is asked to */
    {C, NULL, "gpt-5.4", CHAT(CALLS OFF), true},
    {C, NULL, "gpt-5.4", CHAT(LOW), true},
    {C, NULL, "gpt-5.6-sol", CHAT(CALLS), false}, /* it does */
    {C, NULL, "gpt-5.6-sol", CHAT(CALLS OFF), true},
    {C, NULL, "gpt-5.6-sol", CHAT(""), true},
    {C, NULL, "gpt-5.2", CHAT(CALLS LOW), true},
    {C, NULL, "gpt-5-mini", CHAT(CALLS LOW), true},
    {C, &other, "openai/gpt-5.6-sol", CHAT(CALLS LOW), true},
    {R, NULL, "gpt-5.6-sol", CHAT(CALLS LOW), true},
};

static void tools_of_who_thinks_are_not_for_chat_completions(void **state)
{
    struct buf out;
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(thinkers); i++) {
        struct translate *t = begin(C, thinkers[i].target, thinkers[i].host, thinkers[i].in);
        struct convert_to to = {.model = span_str(thinkers[i].model), .max_tokens = 9};
        int rc;

        buf_init(&out, MEGA);
        rc = translate_request(t, &out, &to, &e);
        if ((rc == 0) != thinkers[i].taken)
            fail_msg("%s, %s: %d", thinkers[i].model, thinkers[i].in, rc);
        if (rc < 0)
            assert_int_equal(e.code, ERR_PROTOCOL);
        translate_free(&t);
        buf_fini(&out);
    }
}

/* ---- answers ---- */

#define EVENT(rest) "data: {" rest "}\n\n"
#define INCOMPLETE                                                                                 \
    "'status':'incomplete','error':null,'incomplete_details':{'reason':'content_filter'}"

#define DRAWN                                                                                      \
    "{'candidates':[{'content':{'role':'model','parts':[{'inlineData':{'mimeType':'image/png',"    \
    "'data':'AAAA'}}]},'finishReason':'STOP','index':0}]}"
#define WHOLE(more)                                                                                \
    "{'id':'c','choices':[{'index':0,'message':{'role':'assistant','content':null," more           \
    "},'finish_reason':'stop'}]}"
#define PIECE(delta, end)                                                                          \
    EVENT("'choices':[{'index':0,'delta':{" delta "},'finish_reason':" end "}]")

static const struct {
    const struct convert *client, *target;
    const char *in; /* events, or a whole answer */
    const char *piece;
    const char *dropped;
} answers[] = {
    /* what Claude would not answer, or not go on with, is no answer that is complete */
    {R, A,
     "{'id':'m','type':'message','role':'assistant','model':'m','content':[],'stop_reason':'"
     "refusal',"
     "'usage':{'input_tokens':1,'output_tokens':1}}",
     INCOMPLETE, ""},
    {R, A,
     EVENT("'type':'content_block_start','index':0,'content_block':{'type':'text','text':''}")
         EVENT("'type':'content_block_delta','index':0,'delta':{'type':'text_delta','text':'I "
               "will'}") EVENT("'type':'content_block_stop','index':0")
             EVENT("'type':'message_delta','delta':{'stop_reason':'refusal'},'usage':{"
                   "'output_tokens':1}"),
     "event: response.incomplete\ndata: ", ""},
    /* what was drawn or spoken, and cannot be said, is named; words that were spoken are text */
    {C, G, DRAWN, "'content':null", "media-out"},
    {R, G, DRAWN, "'output':[]", "media-out"},
    {R, G, "data: " DRAWN "\n\n", "'output':[]", "media-out"},
    {R, C, WHOLE("'audio':{'id':'a','data':'UklG','transcript':'hello'}"), "'text':'hello'",
     "media-out"},
    {A, C, WHOLE("'audio':{'id':'a','data':'UklG','transcript':'hello'}"), "'text':'hello'",
     "media-out"},
    {R, C,
     PIECE("'audio':{'id':'a','transcript':'hel'}", "null")
         PIECE("'audio':{'transcript':'lo'}", "null") PIECE("'audio':{'data':'UklG'}", "null")
             PIECE("", "'stop'"),
     "'text':'hello'", "media-out"},
    {A, C, WHOLE("'audio':{'id':'a','transcript':'hello'}"), "'text':'hello'", ""},
    {G, C,
     WHOLE("'images':[{'type':'image_url','image_url':{'url':'data:image/png;base64,AAAA'}}]"),
     "'inlineData':{'mimeType':'image/png','data':'AAAA'}", ""},
    {R, C,
     WHOLE("'images':[{'type':'image_url','image_url':{'url':'data:image/png;base64,AAAA'}}]"),
     "'output':[]", "media-out"},
};

static void feed(struct translate *t, const char *in, struct buf *out)
{
    struct err e;

    for (const char *at = in, *end; *at; at = end) {
        end = strstr(at, "\n\n") + 2;
        if (translate_event(t, span_of(at, (size_t)(end - at)), out, &e) < 0)
            fail_msg("%.*s: %s", (int)(end - at), at, e.text);
    }
    assert_int_equal(translate_end(t, out, &e), 0);
}

static const char *asked(const struct convert *client)
{
    return client == R   ? RESPONSES("")
           : client == G ? "{'contents':[{'parts':[{'text':'hi'}]}]}"
           : client == A ? "{'max_tokens':9,'messages':[{'role':'user','content':'hi'}]}"
                         : CHAT("");
}

static void answers_say_what_they_are(void **state)
{
    struct buf in, out, dropped;
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        const char *request = asked(answers[i].client);
        struct translate *t = begin(answers[i].client, answers[i].target, NULL, request);

        quote(&in, answers[i].in);
        buf_init(&out, MEGA);
        buf_init(&dropped, MEGA);
        if (*in.p == '{')
            assert_int_equal(translate_answer(t, span_str(in.p), false, &out, &e), 0);
        else
            feed(t, in.p, &out);
        holds(&out, answers[i].piece, true);
        translate_dropped(t, &dropped);
        if (!span_is(buf_span(&dropped), answers[i].dropped))
            fail_msg("%s: dropped '%.*s'", answers[i].in, SPAN_FMT(buf_span(&dropped)));
        translate_free(&t);
        buf_fini(&in);
        buf_fini(&out);
        buf_fini(&dropped);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_target_takes_is_said),
        cmocka_unit_test(tools_of_who_thinks_are_not_for_chat_completions),
        cmocka_unit_test(answers_say_what_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
