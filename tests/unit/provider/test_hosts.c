/*
 * Goal: a request that is translated for a host that copied OpenAI's chat is as that host wants it:
 * its keys, its ids, its thinking; what it does not know is left out and named, or is in the way.
 * Method: rows of (provider, request of OpenAI's chat) and what is written, by the row's column.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dialect/translate.h"
#include "provider/provider.h"

#define MEGA ((size_t)1024 * 1024)

#define HI        "{\"role\":\"user\",\"content\":\"hi\"}"
#define ASK(more) "{\"model\":\"m\",\"messages\":[" HI "]" more "}"
#define SAY(m)    "{\"model\":\"m\",\"messages\":[" m "]}"
#define CALL(id)                                                                                   \
    "\"tool_calls\":[{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\","       \
    "\"arguments\":\"{}\"}}]}"
#define RESULT(id) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"r\"}"
#define TURN(thinking, content, id)                                                                \
    HI ",{\"role\":\"assistant\",\"content\":" content thinking "," CALL(id) "," RESULT(id)

#define SAY_TO(model, m) "{\"model\":\"" model "\",\"messages\":[" m "]}"
#define SAY_MAX(model, m)                                                                          \
    "{\"model\":\"" model "\",\"messages\":[" m "],\"max_completion_tokens\":99}"
#define CACHED(...) CACHED_(__VA_ARGS__)
#define CACHED_(key, mark)                                                                         \
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\",\"" key "\":" mark "}]}"
#define BREAK        "prompt_cache_breakpoint", "{\"mode\":\"explicit\"}"
#define BREAK_MEMBER "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}"
#define CLAUDE(m)    "{\"model\":\"m\",\"max_tokens\":99,\"messages\":[" m "]}"
#define CLAUDE_RESULT                                                                              \
    CLAUDE(HI ",{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"c_1\","       \
              "\"name\":\"f\","                                                                    \
              "\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","         \
              "\"tool_use_id\":\"c_1\",\"cache_control\":{\"type\":\"ephemeral\"},\"content\":[{"  \
              "\"type\":\"text\",\"text\":\"r\"},{\"type\":\"text\",\"text\":\"s\"}]}]}")
#define DOCUMENT(more)                                                                             \
    CLAUDE("{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"source\":{\"type\":\"text\"," \
           "\"media_type\":\"text/plain\",\"data\":\"hi\"}" more "}]}")
#define RESPONSES_OF(part)                                                                         \
    "{\"model\":\"m\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\","         \
    "\"content\":[" part "]}],\"max_output_tokens\":99}"
#define FILE_OF(name)                                                                              \
    RESPONSES_OF("{\"type\":\"input_file\",\"filename\":\"" name                                   \
                 "\",\"file_data\":\"data:text/plain;base64,aGk=\"}")

/* clang-format off */
static const struct {
    const char *provider, *in, *out, *dropped;
    const char *model, *approximated;     /* NULL: "m", "" */
    const struct convert *client, *target; /* NULL: openai.chat */
} rows[] = {
    /* Mistral: 9 letters and digits, the same ones in every turn */
    {"mistral", SAY(TURN("", "null", "call_abc")), SAY(TURN("", "null", "wfh8Yra8U")), "", NULL, NULL, NULL, NULL},
    {"mistral", SAY(TURN("", "null", "D681PevKs")), SAY(TURN("", "null", "D681PevKs")), "", NULL, NULL, NULL, NULL},
    {"mistral", SAY(TURN("", "null", "D681Pev_s")), SAY(TURN("", "null", "h8oZ7v16L")), "", NULL, NULL, NULL, NULL},
    {"mistral", SAY(TURN("", "null", "D681PevKsX")), SAY(TURN("", "null", "hNS9gaZV7")), "", NULL, NULL, NULL, NULL},
    {"mistral", ASK(",\"seed\":7,\"max_completion_tokens\":5"), ASK(",\"max_tokens\":5,\"random_seed\":7"), "", NULL, NULL, NULL, NULL},
    {"mistral", ASK(",\"logprobs\":true,\"top_logprobs\":2,\"logit_bias\":{},\"user\":\"u\",\"verbosity\":\"low\",\"service_tier\":\"auto\",\"metadata\":{\"a\":\"b\"}"),
     ASK(",\"metadata\":{\"a\":\"b\"}"), "logit-bias, logprobs, verbosity, user, service-tier", NULL, NULL, NULL, NULL},
    {"mistral", SAY("{\"role\":\"developer\",\"content\":\"d\"}," HI), SAY("{\"role\":\"system\",\"content\":\"d\"}," HI), "developer", NULL, NULL, NULL, NULL},
    {"mistral", SAY(HI ",{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\"}," HI), SAY(HI ",{\"role\":\"assistant\",\"content\":\"no\"}," HI), "refusal", NULL, NULL, NULL, NULL},
    {"mistral", SAY(TURN(",\"reasoning_content\":\"t\"", "\"x\"", "D681PevKs")),
     SAY(TURN("", "[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"t\"}]},{\"type\":\"text\",\"text\":\"x\"}]", "D681PevKs")), "", NULL, NULL, NULL, NULL},
    {"mistral", SAY("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf;base64,AA==\",\"filename\":\"a.pdf\"}}]}"),
     SAY("{\"role\":\"user\",\"content\":[{\"type\":\"document_url\",\"document_url\":\"data:application/pdf;base64,AA==\",\"document_name\":\"a.pdf\"}]}"), "", NULL, NULL, NULL, NULL},
    /* thinking goes back where it is wanted, under its name there */
    {"deepseek", SAY(TURN(",\"reasoning\":\"t\"", "null", "c")), SAY(TURN(",\"reasoning_content\":\"t\"", "null", "c")), "", NULL, NULL, NULL, NULL},
    {"openrouter", SAY(TURN(",\"reasoning_content\":\"t\"", "null", "c")), SAY(TURN(",\"reasoning\":\"t\"", "null", "c")), "", NULL, NULL, NULL, NULL},
    {"openai", SAY(TURN(",\"reasoning_content\":\"t\"", "null", "c")), SAY(TURN("", "null", "c")), "thinking", NULL, NULL, NULL, NULL},
    {"openai", ASK(",\"seed\":7,\"logprobs\":true"), ASK(",\"seed\":7,\"logprobs\":true"), "", NULL, NULL, NULL, NULL},
    {"openrouter", ASK(",\"top_k\":7"), ASK(",\"top_k\":7"), "", NULL, NULL, NULL, NULL},
    {"openai", ASK(",\"top_k\":7"), ASK(""), "top-k", NULL, NULL, NULL, NULL},
    /* the beginning of an answer */
    {"mistral", SAY(HI ",{\"role\":\"assistant\",\"content\":\"a\"}," HI ",{\"role\":\"assistant\",\"content\":\"b\"}"),
     SAY(HI ",{\"role\":\"assistant\",\"content\":\"a\"}," HI ",{\"role\":\"assistant\",\"content\":\"b\",\"prefix\":true}"), "", NULL, NULL, NULL, NULL},
    /* where a cached prefix ends: in the host's words, toward models that take them */
    {"openai", SAY(CACHED("cache_control", "{\"type\":\"ephemeral\",\"ttl\":\"5m\"}")), SAY_TO("gpt-5.6-sol", CACHED(BREAK)), "", "gpt-5.6-sol", NULL, NULL, NULL},
    {"openai", SAY(CACHED("cache_control", "{\"type\":\"ephemeral\",\"ttl\":\"1h\"}")), SAY_TO("gpt-6-astra", CACHED(BREAK)), "", "gpt-6-astra", "cache", NULL, NULL},
    {"openai", SAY(CACHED(BREAK)), SAY_TO("gpt-5.5", HI), "", "gpt-5.5", "cache", NULL, NULL},
    {"mistral", SAY(CACHED(BREAK)), SAY(HI), "cache", NULL, NULL, NULL, NULL},
    {"openrouter", SAY(CACHED(BREAK)), SAY_TO("anthropic/claude-opus-5", CACHED("cache_control", "{\"type\":\"ephemeral\"}")), "", "anthropic/claude-opus-5", NULL, NULL, NULL},
    {"openrouter", SAY(CACHED("cache_control", "{\"type\":\"ephemeral\",\"ttl\":\"1h\"}")),
     SAY_TO("anthropic/claude-opus-5", CACHED("cache_control", "{\"type\":\"ephemeral\",\"ttl\":\"1h\"}")), "", "anthropic/claude-opus-5", NULL, NULL, NULL},
    /* ... but not in what the model said, and of a tool's result at its end */
    {"openai", SAY(HI ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}}]}," HI),
     SAY_TO("gpt-5.6", HI ",{\"role\":\"assistant\",\"content\":\"a\"}," HI), "", "gpt-5.6", "cache", NULL, NULL},
    {"openai", CLAUDE_RESULT, SAY_MAX("gpt-5.6", HI ",{\"role\":\"assistant\",\"content\":null," CALL("c_1") ",{\"role\":\"tool\",\"tool_call_id\":\"c_1\",\"content\":[{\"type\":\"text\",\"text\":\"r\"},{\"type\":\"text\",\"text\":\"s\"," BREAK_MEMBER "}]}"),
     "", "gpt-5.6", NULL, &convert_anthropic_messages, NULL},
    {"openai-responses", CLAUDE_RESULT,
     "{\"model\":\"gpt-5.6\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]},{\"type\":\"function_call\",\"call_id\":\"c_1\",\"name\":\"f\",\"arguments\":\"{}\"},"
     "{\"type\":\"function_call_output\",\"call_id\":\"c_1\",\"output\":[{\"type\":\"input_text\",\"text\":\"r\"},{\"type\":\"input_text\",\"text\":\"s\"," BREAK_MEMBER "}]}],\"max_output_tokens\":99}",
     "", "gpt-5.6", NULL, &convert_anthropic_messages, &convert_openai_responses},
    {"openai-responses", SAY("{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"s\",\"cache_control\":{\"type\":\"ephemeral\"}}]}," HI),
     "{\"model\":\"gpt-5.6\",\"store\":false,\"input\":[{\"type\":\"message\",\"role\":\"system\",\"content\":[{\"type\":\"input_text\",\"text\":\"s\"," BREAK_MEMBER "}]},{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]}]}",
     "", "gpt-5.6", NULL, NULL, &convert_openai_responses},
    /* a document of text is a file where the host reads such */
    {"openai-responses", DOCUMENT(",\"title\":\"a.md\""), FILE_OF("a.md"), "", NULL, NULL, &convert_anthropic_messages, &convert_openai_responses},
    {"openai-responses", DOCUMENT(""), FILE_OF("document.txt"), "", NULL, NULL, &convert_anthropic_messages, &convert_openai_responses},
    {"openai-responses", DOCUMENT(",\"title\":\"a\""), FILE_OF("a.txt"), "", NULL, "document-text", &convert_anthropic_messages, &convert_openai_responses},
    {"fireworks", DOCUMENT(",\"title\":\"a\""), RESPONSES_OF("{\"type\":\"input_text\",\"text\":\"hi\"}"), "", NULL, "document-text", &convert_anthropic_messages, &convert_openai_responses},
};
/* clang-format on */

static const struct {
    const char *provider, *in;
    enum chat_feature obstacle;
} obstacles[] = {
    {"mistral", ASK(",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}]"),
     CHAT_HAS_TOOL_FREE},
    {"openai", ASK(",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}]"),
     CHAT_FEATURES},
    {"mistral",
     SAY("{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{"
         "\"data\":\"AA==\",\"format\":\"wav\"}}]}"),
     CHAT_HAS_AUDIO},
    {"mistral", ASK(",\"logprobs\":true"), CHAT_FEATURES},
};

static struct translate *begin(const char *provider, const struct convert *client,
                               const struct convert *target, const char *in, struct err *e)
{
    const struct provider *p = provider_find(span_str(provider));
    struct translate_conf conf = {.client = client ? client : &convert_openai_chat,
                                  .target = target ? target : &convert_openai_chat,
                                  .host = p->host,
                                  .model = SPAN_LIT("mine"),
                                  .id = SPAN_LIT("r_1"),
                                  .answer_max = MEGA};
    struct translate *t = NULL;

    return translate_new(&t, &conf, span_str(in), e) == 0 ? t : NULL;
}

static void requests_are_as_the_host_wants_them(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct provider *p = provider_find(span_str(rows[i].provider));
        struct convert_to to = {.model = span_str(rows[i].model ? rows[i].model : "m"),
                                .old_max_tokens = !(p->caps & CAP_MAX_COMPLETION)};
        struct buf out, dropped, approximated;
        struct translate *t;
        struct err e;

        t = begin(rows[i].provider, rows[i].client, rows[i].target, rows[i].in, &e);
        if (!t)
            fail_msg("row %zu: %s", i, e.text);
        buf_init(&out, MEGA);
        buf_init(&dropped, MEGA);
        buf_init(&approximated, MEGA);
        assert_int_equal(translate_request(t, &out, &to, &e), 0);
        translate_dropped(t, &dropped);
        translate_approximated(t, &approximated);
        buf_add_char(&approximated, '\0');
        buf_add_char(&out, '\0');
        buf_add_char(&dropped, '\0');
        assert_string_equal(out.p, rows[i].out);
        assert_string_equal(dropped.p, rows[i].dropped);
        assert_string_equal(approximated.p, rows[i].approximated ? rows[i].approximated : "");
        translate_free(&t);
        buf_fini(&out);
        buf_fini(&dropped);
        buf_fini(&approximated);
    }
}

static void streams_are_asked_for_usage_where_that_is_known(void **state)
{
    static const char *const unasked[] = {
        "mistral", "cohere", /* refuse the member */
        "groq",    "deepseek",   "openrouter",        "together", "perplexity", /* count anyway */
        "zai",     "zai-coding", "openai-compatible",                           /* do not say */
    };
    struct convert_to to = {.model = SPAN_LIT("m"), .stream = true};

    for (size_t i = 0; provider_at(i); i++) {
        const struct provider *p = provider_at(i);
        struct translate *t;
        bool known = true;
        struct buf out;
        struct err e;

        if (!p->paths[OP_CHAT])
            continue;
        for (size_t k = 0; k < ARRAY_LEN(unasked); k++)
            known = known && strcmp(p->name, unasked[k]) != 0;
        to.ask_usage = p->caps & CAP_USAGE_OPT;
        t = begin(p->name, &convert_anthropic_messages, NULL, CLAUDE(HI), &e);
        assert_non_null(t);
        buf_init(&out, MEGA);
        assert_int_equal(translate_request(t, &out, &to, &e), 0);
        if (span_contains(buf_span(&out),
                          SPAN_LIT("\"stream_options\":{\"include_usage\":true}")) != known)
            fail_msg("%s: %.*s", p->name, SPAN_FMT(buf_span(&out)));
        buf_fini(&out);
        translate_free(&t);
    }
}

static void what_a_host_does_not_know_is_in_the_way(void **state)
{
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(obstacles); i++) {
        struct translate *t = begin(obstacles[i].provider, NULL, NULL, obstacles[i].in, &e);

        assert_non_null(t);
        assert_int_equal(translate_obstacle(t), obstacles[i].obstacle);
        translate_free(&t);
    }
}

/* Every allocation that fails is a failed request, and thinking is not left out for it. */
static void without_memory_nothing_is_written(void **state)
{
    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        bool hit = true;

        for (size_t at = 1; hit; at++) {
            struct convert_to to = {.model = span_str(rows[row].model ? rows[row].model : "m")};
            struct translate *t;
            struct buf out;
            struct err e;
            bool ok;

            buf_init(&out, MEGA);
            mem_torture(at, false);
            t = begin(rows[row].provider, rows[row].client, rows[row].target, rows[row].in, &e);
            ok = t && translate_request(t, &out, &to, &e) == 0 && buf_ok(&out);
            hit = mem_torture_hit();
            mem_torture(0, false);
            assert_int_equal(ok, !hit);
            translate_free(&t);
            buf_fini(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_as_the_host_wants_them),
        cmocka_unit_test(streams_are_asked_for_usage_where_that_is_known),
        cmocka_unit_test(what_a_host_does_not_know_is_in_the_way),
        cmocka_unit_test(without_memory_nothing_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
