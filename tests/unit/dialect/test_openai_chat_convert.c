/* Goal: a request of OpenAI's chat completions that is read and written again says the same; what
 * it holds is noted; what is wrong with it is said with its place. An answer likewise, streamed and
 * whole.
 * Method: translation from the dialect to itself, in rows of text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dialect/openai/openai_chat_convert.h"
#include "dialect/translate.h"

#define MEGA ((size_t)1024 * 1024)

static const struct translate_conf conf = {
    .client = &convert_openai_chat,
    .target = &convert_openai_chat,
    .model = {"mine", 4},
    .id = {"r_1", 3},
    .created = 7,
    .answer_max = MEGA,
};

/* ---- requests ---- */

#define HI        "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define ASK(more) "{\"model\":\"m\"," HI more "}"
#define CALLED(name)                                                                               \
    ASK(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"" name         \
        "\",\"schema\":{\"type\":\"object\"}}}")
#define N32           "0123456789abcdef0123456789abcdef"
#define N64           N32 N32
#define SAY(messages) "{\"model\":\"m\",\"messages\":[" messages "]}"
#define USER          "{\"role\":\"user\",\"content\":\"hi\"}"

#define TOOL(name) "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"}}"
#define FREE       "{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}"
#define ALLOWED(mode)                                                                              \
    "{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"" mode                              \
    "\",\"tools\":[" TOOL("g") "," FREE "]}}"
#define OLD_CALL(name)                                                                             \
    "{\"role\":\"assistant\",\"content\":null,\"function_call\":{\"name\":\"" name                 \
    "\",\"arguments\":\"{}\"}}"
#define OLD_RESULT(name) "{\"role\":\"function\",\"name\":\"" name "\",\"content\":\"r\"}"
#define NEW_CALL(id)                                                                               \
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"" id                       \
    "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}"
#define NEW_RESULT(id) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"r\"}"

/* NULL: written as it was read. */
static const struct {
    const char *in, *out, *dropped;
} there_and_back[] = {
    {ASK(""), NULL, ""},
    {ASK(",\"max_completion_tokens\":12345678901234567890123,\"temperature\":0.70,\"top_p\":1e-1,"
         "\"frequency_penalty\":-2,\"presence_penalty\":0.0,\"seed\":-9007199254740993"),
     NULL, ""},
    {ASK(",\"max_tokens\":5"), ASK(",\"max_completion_tokens\":5"), ""},
    {ASK(",\"stop\":[\"a\",\"\"]"), NULL, ""},
    {ASK(",\"stop\":\"a\""), ASK(",\"stop\":[\"a\"]"), ""},
    {ASK(",\"n\":2,\"logprobs\":true,\"top_logprobs\":3,\"logit_bias\":{\"50256\":-100}"), NULL,
     ""},
    {ASK(",\"reasoning_effort\":\"high\",\"verbosity\":\"low\",\"safety_identifier\":\"u\","
         "\"prompt_cache_key\":\"k\",\"prompt_cache_retention\":\"24h\",\"service_tier\":\"flex\""),
     NULL, ""},
    {ASK(",\"user\":\"u\""), NULL, ""},
    {ASK(",\"safety_identifier\":\"new\",\"user\":\"old\""), ASK(",\"safety_identifier\":\"new\""),
     ""},
    /* labels are for what is stored */
    {ASK(",\"metadata\":{\"b\":\"1\"}"), ASK(""), "metadata"},
    /* four at most */
    {ASK(",\"stop\":[\"a\",\"b\",\"c\",\"d\"]"), NULL, ""},
    {ASK(",\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]"), ASK(",\"stop\":[\"a\",\"b\",\"c\",\"d\"]"),
     ""},
    {ASK(",\"temperature\":null,\"tools\":null"), ASK(""), ""},
    {ASK(",\"reasoning_effort\":\"default\""), ASK(""), ""},
    {ASK(",\"modalities\":[\"text\"],\"n\":1"), ASK(",\"n\":1"), ""},
    /* what is left out is named */
    {ASK(",\"store\":true"), ASK(""), "store"},
    {ASK(",\"store\":false"), ASK(""), ""},
    {ASK(",\"top_k\":5,\"foo\":1,\"bar\":{\"x\":2}"), ASK(""), "top-k, foo, bar"},
    {SAY("{\"role\":\"user\",\"content\":\"hi\",\"mood\":1}"), SAY(USER), "messages[0].mood"},
    /* tools */
    {ASK(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
         "\"parameters\":{\"type\":\"object\",\"z\":1.50,\"a\":{}},\"strict\":true}}],"
         "\"tool_choice\":\"required\",\"parallel_tool_calls\":false"),
     NULL, ""},
    {ASK(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":{"
         "\"type\":\"function\",\"function\":{\"name\":\"f\"}}"),
     NULL, ""},
    {ASK(",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\",\"format\":{\"type\":"
         "\"text\"}"
         "}}]"),
     NULL, ""},
    {ASK(",\"tools\":[" FREE "],\"tool_choice\":{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}"),
     NULL, ""},
    /* those that are not allowed are as good as not there */
    {ASK(",\"tools\":[" TOOL("f") "," FREE "," TOOL("g") "],\"tool_choice\":" ALLOWED("required")),
     ASK(",\"tools\":[" FREE "," TOOL("g") "],\"tool_choice\":\"required\""), ""},
    {ASK(",\"tool_choice\":" ALLOWED("auto") ",\"tools\":[" TOOL("f") "," TOOL("g") "]"),
     ASK(",\"tools\":[" TOOL("g") "],\"tool_choice\":\"auto\""), ""},
    /* what was before tools */
    {ASK(",\"functions\":[{\"name\":\"f\",\"description\":\"d\",\"parameters\":{}},{\"name\":\"g\"}"
         "],"
         "\"function_call\":{\"name\":\"f\"}"),
     ASK(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
         "\"parameters\":{}}}," TOOL("g") "],\"tool_choice\":{\"type\":\"function\",\"function\":{"
                                          "\"name\":\"f\"}},\"parallel_tool_calls\":false"),
     ""},
    {ASK(",\"functions\":[{\"name\":\"f\"}],\"function_call\":\"none\""),
     ASK(",\"tools\":[" TOOL("f") "],\"tool_choice\":\"none\",\"parallel_tool_calls\":false"), ""},
    {SAY(USER "," OLD_CALL("f") "," OLD_RESULT("f") "," OLD_CALL("f") "," OLD_RESULT("f")),
     SAY(USER "," NEW_CALL("f_1") "," NEW_RESULT("f_1") "," NEW_CALL("f_3") "," NEW_RESULT("f_3")),
     ""},
    {ASK(",\"response_format\":{\"type\":\"json_object\"}"), NULL, ""},
    {ASK(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"s\","
         "\"description\":\"d\",\"schema\":{\"type\":\"object\"},\"strict\":true}}"),
     NULL, ""},
    /* a schema's name: what the API takes as it is, to its 64 bytes; else one that it takes */
    {CALLED(""), CALLED("answer"), ""},
    {CALLED("a-b_9"), NULL, ""},
    {CALLED("a.b"), CALLED("ab_c22566409199"), ""},
    {CALLED(N64), NULL, ""},
    {CALLED(N64 "c"), CALLED(N32 "0123456789abcdef012_29d1a3af5269"), ""},
    /* messages */
    {SAY("{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"developer\",\"content\":\"d\"},{"
         "\"role"
         "\":\"user\",\"name\":\"bob\",\"content\":\"hi \\\"you\\\"\\n\"}"),
     NULL, ""},
    {SAY("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image_"
         "url\","
         "\"image_url\":{\"url\":\"data:image/webp;base64,AAAA\",\"detail\":\"low\"}},{\"type\":"
         "\"image_url\",\"image_url\":{\"url\":\"https://h/i.png\"}},{\"type\":\"input_audio\","
         "\"input_audio\":{\"data\":\"BBBB\",\"format\":\"mp3\"}},{\"type\":\"file\",\"file\":{"
         "\"file_data\":\"data:application/pdf;base64,CCCC\",\"filename\":\"x.pdf\"}}]}"),
     NULL, ""},
    {SAY(USER ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":"
              "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1.0}\"}}]},{"
              "\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"r\"}"),
     NULL, ""},
    {SAY(USER ",{\"role\":\"assistant\",\"content\":\"x\",\"refusal\":\"no\"}," USER), NULL, ""},
    {SAY(USER ",{\"role\":\"assistant\",\"content\":\"x\",\"reasoning_content\":\"t\"}," USER),
     SAY(USER ",{\"role\":\"assistant\",\"content\":\"x\"}," USER), "thinking"},
};

static struct translate *begin(const char *in, struct err *e)
{
    struct translate *t = NULL;

    return translate_new(&t, &conf, span_str(in), e) == 0 ? t : NULL;
}

static void requests_say_the_same_again(void **state)
{
    struct convert_to to = {.model = SPAN_LIT("m")};
    struct buf out, dropped;
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(there_and_back); i++) {
        const char *want = there_and_back[i].out ? there_and_back[i].out : there_and_back[i].in;
        struct translate *t = begin(there_and_back[i].in, &e);

        if (!t)
            fail_msg("%s: %s", there_and_back[i].in, e.text);
        buf_init(&out, MEGA);
        buf_init(&dropped, MEGA);
        assert_int_equal(translate_request(t, &out, &to, &e), 0);
        translate_dropped(t, &dropped);
        buf_add_char(&out, '\0');
        buf_add_char(&dropped, '\0');
        assert_string_equal(out.p, want);
        assert_string_equal(dropped.p, there_and_back[i].dropped);
        translate_free(&t);
        buf_fini(&out);
        buf_fini(&dropped);
    }
}

static const struct {
    const char *in, *why;
} wrong[] = {
    {"[]", "the body: an object is wanted"},
    {"{\"model\":\"m\"}", "messages: at least one message is wanted"},
    {"{\"messages\":7}", "messages: a list is wanted"},
    {SAY("7"), "messages[0]: an object is wanted"},
    {SAY("{\"content\":\"x\"}"),
     "messages[0].role: '' is none of system, developer, user, assistant, tool"},
    {SAY("{\"role\":\"root\",\"content\":\"x\"}"),
     "messages[0].role: 'root' is none of system, developer, user, assistant, tool"},
    {SAY(USER ",{\"role\":\"user\",\"content\":{}}"),
     "messages[1].content: a string or a list is wanted"},
    {SAY("{\"role\":\"user\",\"content\":[{\"type\":\"hologram\"}]}"),
     "messages[0].content[0].type: 'hologram' is no type of content that is known"},
    {SAY("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":7}]}"),
     "messages[0].content[0].image_url: an object is wanted"},
    {SAY("{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}"),
     "messages[0].content[0]: text is missing"},
    {SAY("{\"role\":\"tool\",\"content\":\"x\"}"),
     "messages[0].tool_call_id: the result names no call"},
    {SAY("{\"role\":\"tool\",\"content\":\"x\",\"tool_call_id\":\"c\"}"),
     "messages[0].tool_call_id: no call of the turn before has this id"},
    {SAY("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\"}]}"),
     "messages[0].tool_calls[0]: the call has no name"},
    {ASK(",\"temperature\":\"hot\""), "temperature: a number is wanted"},
    {ASK(",\"stream\":1"), "stream: true or false is wanted"},
    {ASK(",\"stop\":[1]"), "stop[0]: a string is wanted"},
    {ASK(",\"tools\":[{\"type\":\"function\",\"function\":{}}]"), "tools[0]: the tool has no name"},
    {ASK(",\"tool_choice\":\"maybe\""),
     "tool_choice: auto, none, required or a function's name is wanted"},
    {ASK(",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"x\"}}"),
     "tool_choice.allowed_tools.mode: auto or required is wanted"},
    {ASK(",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\"}}"),
     "tool_choice.allowed_tools.tools: an array is wanted"},
    {ASK(",\"functions\":{}"), "functions: a list is wanted"},
    {ASK(",\"functions\":[{}]"), "functions[0]: the function has no name"},
    {ASK(",\"function_call\":\"maybe\""),
     "function_call: auto, none or a function's name is wanted"},
    {SAY(OLD_CALL("f") "," OLD_RESULT("g")),
     "messages[1].tool_call_id: no call of the turn before has this id"},
    {ASK(",\"response_format\":{\"type\":\"xml\"}"),
     "response_format: a type of text, json_object or json_schema is wanted"},
    {"{\"a\":", "byte 5: unexpected end of data"},
};

static void wrong_requests_are_told_their_place(void **state)
{
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_null(begin(wrong[i].in, &e));
        assert_int_equal(e.code, ERR_PROTOCOL);
        assert_string_equal(e.text, wrong[i].why);
    }
}

/* What a target that loses it would have to be skipped for. */
static const struct {
    const char *in;
    enum chat_feature obstacle;
} obstacles[] = {
    {ASK(""), CHAT_FEATURES},
    {ASK(",\"tools\":[{\"type\":\"web_search\"}]"), CHAT_HAS_PROVIDER_TOOL},
    {SAY("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"file_id\":\"f\"}}]}"),
     CHAT_HAS_FILE_ID},
    {SAY(USER ",{\"role\":\"assistant\",\"content\":\"Once\"}"), CHAT_HAS_PREFILL},
    {ASK(",\"modalities\":[\"text\",\"audio\"],\"audio\":{\"voice\":\"alloy\"}"),
     CHAT_HAS_AUDIO_OUT},
};

static void what_cannot_be_said_is_an_obstacle(void **state)
{
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(obstacles); i++) {
        struct translate *t = begin(obstacles[i].in, &e);

        assert_non_null(t);
        assert_int_equal(translate_obstacle(t), obstacles[i].obstacle);
        translate_free(&t);
    }
}

/* Google's clients may send any; err NULL: it is said. */
static void audio_is_said_as_the_api_takes_it(void **state)
{
    static const struct {
        const char *part;
        enum chat_feature obstacle;
        const char *format, *err;
    } rows[] = {
        {"\"inlineData\":{\"mimeType\":\"audio/x-wav\",\"data\":\"AAAA\"}", CHAT_FEATURES,
         "\"data\":\"AAAA\",\"format\":\"wav\"", NULL},
        {"\"inlineData\":{\"mimeType\":\"audio/mp3\",\"data\":\"AAAA\"}", CHAT_FEATURES,
         "\"data\":\"AAAA\",\"format\":\"mp3\"", NULL},
        {"\"inlineData\":{\"mimeType\":\"audio/ogg\",\"data\":\"AAAA\"}", CHAT_FEATURES, NULL,
         "messages: audio of type 'audio/ogg' cannot be said"},
        {"\"fileData\":{\"mimeType\":\"audio/wav\",\"fileUri\":\"https://h/a.wav\"}",
         CHAT_HAS_AUDIO_URL, NULL, NULL},
    };
    struct convert_to to = {.model = SPAN_LIT("m")};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct translate_conf other = conf;
        struct translate *t = NULL;
        char in[256];
        struct buf out;
        struct err e;

        other.client = &convert_gemini_generate;
        (void)snprintf(in, sizeof(in), "{\"contents\":[{\"parts\":[{%s}]}]}", rows[i].part);
        assert_int_equal(translate_new(&t, &other, span_str(in), &e), 0);
        assert_int_equal(translate_obstacle(t), rows[i].obstacle);
        buf_init(&out, MEGA);
        if (rows[i].obstacle == CHAT_FEATURES) {
            assert_int_equal(translate_request(t, &out, &to, &e), rows[i].err ? -1 : 0);
            if (rows[i].err)
                assert_string_equal(e.text, rows[i].err);
            else
                assert_true(span_contains(buf_span(&out), span_str(rows[i].format)));
        }
        translate_free(&t);
        buf_fini(&out);
    }
}

/* ---- answers ---- */

#define CHUNK(delta, finish)                                                                       \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":3,\"model\":\"mine\","   \
    "\"choices\":[{\"index\":0,\"delta\":{" delta "},\"logprobs\":null,\"finish_reason\":" finish  \
    "}]}\n\n"
#define ROLE CHUNK("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null", "null")
#define USAGE                                                                                      \
    "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":8,\"total_tokens\":17,"                  \
    "\"prompt_tokens_details\":{\"cached_tokens\":4},\"completion_tokens_details\":{"              \
    "\"reasoning_tokens\":2}}"
#define USAGE_CHUNK                                                                                \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":3,\"model\":\"mine\","   \
    "\"choices\":[]," USAGE "}\n\n"
#define DONE "data: [DONE]\n\n"
#define FOUND(pages, text)                                                                         \
    "data: "                                                                                       \
    "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":3,\"model\":\"mine\"," pages   \
    ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"" text             \
    "\"}}]}\n\n"
#define CITES(start, end, url, title)                                                              \
    "{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":" start ",\"end_index\":" end    \
    ",\"url\":\"" url "\",\"title\":\"" title "\"}}"
#define CITED                                                                                      \
    "{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":0,\"end_index\":1,\"url\":"      \
    "\"u\","                                                                                       \
    "\"title\":\"t\"}}"
#define CALL(text) CHUNK("\"tool_calls\":[{\"index\":" text "}]", "null")

/* NULL: the stream comes out as it went in. */
static const struct {
    const char *in, *out;
} streams[] = {
    {ROLE CHUNK("\"content\":\"a\"", "null") CHUNK("\"content\":\" \\\"b\\\"\"", "null")
         CHUNK("", "\"stop\"") USAGE_CHUNK DONE,
     NULL},
    {ROLE CHUNK("\"reasoning_content\":\"t\"", "null") CHUNK("\"content\":\"a\"", "null")
         CHUNK("", "\"length\"") DONE,
     NULL},
    /* thinking in details alone, and in both: it is said once */
    {ROLE CHUNK("\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"t\"}]", "null")
         CHUNK("\"reasoning\":\"u\",\"reasoning_details\":[{\"text\":\"u\"}]", "null")
             CHUNK("", "\"stop\"") DONE,
     ROLE CHUNK("\"reasoning_content\":\"t\"", "null") CHUNK("\"reasoning_content\":\"u\"", "null")
         CHUNK("", "\"stop\"") DONE},
    {ROLE CALL("0,\"id\":\"x\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
               "\"\"}") CALL("0,\"function\":{\"arguments\":\"{\\\"a\\\"\"}")
         CALL("1,\"id\":\"y\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":"
              "\"\"}") CALL("0,\"function\":{\"arguments\":\":1}\"}") CHUNK("", "\"tool_calls\"")
             DONE,
     NULL},
    {ROLE CHUNK("\"refusal\":\"no\"", "null") CHUNK("", "\"content_filter\"") DONE, NULL},
    /* a forced call ends with "stop", and is a call all the same */
    {ROLE CALL(
         "0,\"id\":\"x\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}")
         CHUNK("", "\"stop\"") DONE,
     ROLE CALL(
         "0,\"id\":\"x\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}")
         CHUNK("", "\"tool_calls\"") DONE},
    /* a character in two halves */
    {ROLE CHUNK("\"content\":\"\\ud83d\"", "null") CHUNK("\"content\":\"\\ude00!\"", "null")
         CHUNK("", "\"stop\"") DONE,
     NULL},
    /* words of other hosts are said in OpenAI's */
    {ROLE CHUNK("\"content\":\"a\"", "null") CHUNK("", "\"stop_sequence\"") DONE,
     ROLE CHUNK("\"content\":\"a\"", "null") CHUNK("", "\"stop\"") DONE},
    {ROLE CHUNK("\"content\":\"a\"", "null") CHUNK("", "\"model_length\"") DONE,
     ROLE CHUNK("\"content\":\"a\"", "null") CHUNK("", "\"length\"") DONE},
    /* citations are those of an URL and a place in the text; others have no shape here */
    {ROLE CHUNK("\"content\":\"a\"", "null") CHUNK("\"annotations\":[" CITED "," CITED "]", "null")
         CHUNK("", "\"stop\"") DONE,
     ROLE CHUNK("\"content\":\"a\"", "null") CHUNK("\"annotations\":[" CITED "]", "null")
         CHUNK("\"annotations\":[" CITED "]", "null") CHUNK("", "\"stop\"") DONE},
    {ROLE CHUNK("\"content\":\"a\"", "null")
         CHUNK("\"annotations\":[{\"type\":\"page_location\"}]", "null") CHUNK("", "\"stop\"") DONE,
     ROLE CHUNK("\"content\":\"a\"", "null") CHUNK("", "\"stop\"") DONE},
    /* pages that were searched, and which the text names by their number */
    {FOUND("\"search_results\":[{\"url\":\"u\",\"title\":\"t\"},{\"url\":\"v\"}],\"citations\":["
           "\"x\"]",
           "\xc3\xa4[") FOUND("\"citations\":[\"x\"]", "1][2")
         FOUND("\"citations\":[\"x\"]", "] [3] [x] [0] [12345]") CHUNK("", "\"stop\"") DONE,
     ROLE CHUNK("\"content\":\"\xc3\xa4[\"", "null") CHUNK("\"content\":\"1][2\"", "null")
         CHUNK("\"content\":\"] [3] [x] [0] [12345]\"", "null")
             CHUNK("\"annotations\":[" CITES("1", "4", "u", "t") "]", "null")
                 CHUNK("\"annotations\":[" CITES("4", "7", "v", "") "]", "null")
                     CHUNK("", "\"stop\"") DONE},
    {FOUND("\"citations\":[\"x\"]", "[1]") CHUNK("", "\"stop\"") DONE,
     ROLE CHUNK("\"content\":\"[1]\"", "null") CHUNK(
         "\"annotations\":[" CITES("0", "3", "x", "") "]", "null") CHUNK("", "\"stop\"") DONE},
    /* ... where the host does not say itself what it cites */
    {FOUND("\"citations\":[\"x\"]", "[1]") CHUNK("\"annotations\":[" CITED "]", "null")
         CHUNK("", "\"stop\"") DONE,
     ROLE CHUNK("\"content\":\"[1]\"", "null") CHUNK("\"annotations\":[" CITED "]", "null")
         CHUNK("", "\"stop\"") DONE},
    {ROLE CHUNK("\"content\":\"[1]\"", "null") CHUNK("", "\"stop\"") DONE, NULL},
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

static void streams_say_the_same_again(void **state)
{
    struct buf out;
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct translate *t =
            begin(ASK(",\"stream\":true,\"stream_options\":{\"include_usage\":true}"), &e);

        buf_init(&out, MEGA);
        feed(t, streams[i].in, &out);
        buf_add_char(&out, '\0');
        assert_string_equal(out.p, streams[i].out ? streams[i].out : streams[i].in);
        translate_free(&t);
        buf_fini(&out);
    }
}

#define WHOLE(message, finish)                                                                     \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":3,\"model\":\"mine\",\"choices\":[{" \
    "\"index\":0,\"message\":{\"role\":\"assistant\"," message "},\"logprobs\":null,"              \
    "\"finish_reason\":\"" finish "\"}]," USAGE "}"

static const char *const wholes[] = {
    WHOLE("\"content\":\"a\",\"refusal\":null,\"annotations\":[" CITED "," CITED "]", "stop"),
    WHOLE("\"content\":\"a\\u2028b\",\"refusal\":null,\"annotations\":[]", "stop"),
    WHOLE("\"content\":null,\"refusal\":\"no\",\"annotations\":[]", "content_filter"),
    WHOLE("\"content\":\"a\",\"refusal\":null,\"reasoning_content\":\"t\",\"annotations\":[]",
          "length"),
    WHOLE("\"content\":null,\"refusal\":null,\"annotations\":[],\"tool_calls\":[{\"id\":\"x\","
          "\"type\":"
          "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"n\\\": "
          "9007199254740993}\"}}]",
          "tool_calls"),
};

/* A client that speaks of functions is told of a call as it was before there were tools. */
static void an_old_client_is_told_of_a_function(void **state)
{
    static const char in[] =
        WHOLE("\"content\":null,\"refusal\":null,\"annotations\":[],\"tool_calls\":[{"
              "\"id\":\"x\",\"type\":\"function\",\"function\":{\"name\":\"f\","
              "\"arguments\":\"{}\"}}]",
              "tool_calls");
    static const char want[] =
        WHOLE("\"content\":null,\"refusal\":null,\"annotations\":[],\"function_call\":{"
              "\"name\":\"f\",\"arguments\":\"{}\"}",
              "function_call");
    struct translate *t;
    struct buf out;
    struct err e;

    UNUSED(state);
    t = begin(ASK(",\"functions\":[{\"name\":\"f\"}]"), &e);
    buf_init(&out, MEGA);
    assert_int_equal(translate_answer(t, span_str(in), false, &out, &e), 0);
    buf_add_char(&out, '\0');
    assert_string_equal(out.p, want);
    translate_free(&t);
    buf_reset(&out);
    t = begin(ASK(",\"stream\":true,\"functions\":[{\"name\":\"f\"}]"), &e);
    feed(
        t,
        ROLE CALL(
            "0,\"id\":\"x\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}")
            CALL("0,\"function\":{\"arguments\":\"{}\"}") CHUNK("", "\"tool_calls\"") DONE,
        &out);
    buf_add_char(&out, '\0');
    assert_string_equal(out.p,
                        ROLE CHUNK("\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}", "null")
                            CHUNK("\"function_call\":{\"arguments\":\"{}\"}", "null")
                                CHUNK("", "\"function_call\"") DONE);
    translate_free(&t);
    buf_fini(&out);
}

/* Claude's signature, behind a host that copied OpenAI, reaches a client of Anthropic's; nobody
 * else's does. */
static void a_signature_of_claude_is_handed_on(void **state)
{
    static const struct {
        const char *format;
        bool told;
    } rows[] = {{"anthropic-claude-v1", true}, {"google-gemini-v1", false}, {"", false}};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct translate_conf other = conf;
        struct translate *t = NULL;
        char text[512];
        struct buf out;
        struct err e;

        other.client = &convert_anthropic_messages;
        (void)snprintf(text, sizeof(text),
                       "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"t\"}}]}\n\n"
                       "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"\","
                       "\"reasoning_details\":[{\"text\":\"\",\"signature\":\"c2ln\","
                       "\"format\":\"%s\"}]}}]}\n\n",
                       rows[i].format);
        assert_int_equal(translate_new(&t, &other,
                                       SPAN_LIT("{\"model\":\"m\",\"max_tokens\":5,\"messages\":[{"
                                                "\"role\":\"user\",\"content\":\"hi\"}]}"),
                                       &e),
                         0);
        buf_init(&out, MEGA);
        feed(t, text, &out);
        assert_int_equal(span_contains(buf_span(&out), SPAN_LIT("\"signature\":\"c2ln\"")),
                         rows[i].told);
        translate_free(&t);
        buf_fini(&out);
    }
}

static void whole_answers_say_the_same_again(void **state)
{
    struct buf out;
    struct err e;

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(wholes); i++) {
        struct translate *t = begin(ASK(""), &e);

        buf_init(&out, MEGA);
        assert_int_equal(translate_answer(t, span_str(wholes[i]), false, &out, &e), 0);
        buf_add_char(&out, '\0');
        assert_string_equal(out.p, wholes[i]);
        translate_free(&t);
        buf_fini(&out);
    }
}

/* All of it, with its allocations failing one after the other; 0: it went through. */
static int all_of_it(void)
{
    struct convert_to to = {.model = SPAN_LIT("m")};
    struct translate *t = NULL;
    struct buf out;
    struct err e;
    int rc = -1;

    buf_init(&out, MEGA);
    if (translate_new(&t, &conf, span_str(there_and_back[30].in), &e) == 0 &&
        translate_request(t, &out, &to, &e) == 0 &&
        translate_answer(t, span_str(wholes[3]), false, &out, &e) == 0 &&
        translate_event(t, SPAN_LIT(ROLE), &out, &e) == 0)
        rc = 0;
    translate_free(&t);
    buf_fini(&out);
    return rc;
}

static void every_failed_allocation_is_survived(void **state)
{
    size_t n = 1;

    UNUSED(state);
    for (;; n++) {
        bool hit;
        int rc;

        mem_torture(n, false);
        rc = all_of_it();
        hit = mem_torture_hit();
        mem_torture(0, false);
        if (!hit)
            break;
        assert_int_equal(rc, -1);
        assert_true(n < 1000);
    }
    assert_int_equal(all_of_it(), 0);
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_say_the_same_again),
        cmocka_unit_test(wrong_requests_are_told_their_place),
        cmocka_unit_test(what_cannot_be_said_is_an_obstacle),
        cmocka_unit_test(audio_is_said_as_the_api_takes_it),
        cmocka_unit_test(streams_say_the_same_again),
        cmocka_unit_test(an_old_client_is_told_of_a_function),
        cmocka_unit_test(a_signature_of_claude_is_handed_on),
        cmocka_unit_test(whole_answers_say_the_same_again),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
