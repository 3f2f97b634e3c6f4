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

/* clang-format off */
static const struct {
    const char *provider, *in, *out, *dropped;
} rows[] = {
    /* Mistral: 9 letters and digits, the same ones in every turn */
    {"mistral", SAY(TURN("", "null", "call_abc")), SAY(TURN("", "null", "wfh8Yra8U")), ""},
    {"mistral", SAY(TURN("", "null", "D681PevKs")), SAY(TURN("", "null", "D681PevKs")), ""},
    {"mistral", SAY(TURN("", "null", "D681Pev_s")), SAY(TURN("", "null", "h8oZ7v16L")), ""},
    {"mistral", SAY(TURN("", "null", "D681PevKsX")), SAY(TURN("", "null", "hNS9gaZV7")), ""},
    {"mistral", ASK(",\"seed\":7,\"max_completion_tokens\":5"), ASK(",\"max_tokens\":5,\"random_seed\":7"), ""},
    {"mistral", ASK(",\"logprobs\":true,\"top_logprobs\":2,\"logit_bias\":{},\"user\":\"u\",\"verbosity\":\"low\",\"service_tier\":\"auto\",\"metadata\":{\"a\":\"b\"}"),
     ASK(",\"metadata\":{\"a\":\"b\"}"), "logit-bias, logprobs, verbosity, user, service-tier"},
    {"mistral", SAY("{\"role\":\"developer\",\"content\":\"d\"}," HI), SAY("{\"role\":\"system\",\"content\":\"d\"}," HI), "developer"},
    {"mistral", SAY(HI ",{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\"}," HI), SAY(HI ",{\"role\":\"assistant\",\"content\":\"no\"}," HI), "refusal"},
    {"mistral", SAY(TURN(",\"reasoning_content\":\"t\"", "\"x\"", "D681PevKs")),
     SAY(TURN("", "[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"t\"}]},{\"type\":\"text\",\"text\":\"x\"}]", "D681PevKs")), ""},
    {"mistral", SAY("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf;base64,AA==\",\"filename\":\"a.pdf\"}}]}"),
     SAY("{\"role\":\"user\",\"content\":[{\"type\":\"document_url\",\"document_url\":\"data:application/pdf;base64,AA==\",\"document_name\":\"a.pdf\"}]}"), ""},
    /* thinking goes back where it is wanted, under its name there */
    {"deepseek", SAY(TURN(",\"reasoning\":\"t\"", "null", "c")), SAY(TURN(",\"reasoning_content\":\"t\"", "null", "c")), ""},
    {"openrouter", SAY(TURN(",\"reasoning_content\":\"t\"", "null", "c")), SAY(TURN(",\"reasoning\":\"t\"", "null", "c")), ""},
    {"openai", SAY(TURN(",\"reasoning_content\":\"t\"", "null", "c")), SAY(TURN("", "null", "c")), "thinking"},
    {"openai", ASK(",\"seed\":7,\"logprobs\":true"), ASK(",\"seed\":7,\"logprobs\":true"), ""},
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

static struct translate *begin(const char *provider, const char *in, struct err *e)
{
    const struct provider *p = provider_find(span_str(provider));
    struct translate_conf conf = {.client = &convert_openai_chat,
                                  .target = &convert_openai_chat,
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
        struct convert_to to = {.model = SPAN_LIT("m"),
                                .old_max_tokens = !(p->caps & CAP_MAX_COMPLETION)};
        struct buf out, dropped;
        struct translate *t;
        struct err e;

        t = begin(rows[i].provider, rows[i].in, &e);
        if (!t)
            fail_msg("row %zu: %s", i, e.text);
        buf_init(&out, MEGA);
        buf_init(&dropped, MEGA);
        assert_int_equal(translate_request(t, &out, &to, &e), 0);
        translate_dropped(t, &dropped);
        buf_add_char(&out, '\0');
        buf_add_char(&dropped, '\0');
        assert_string_equal(out.p, rows[i].out);
        assert_string_equal(dropped.p, rows[i].dropped);
        translate_free(&t);
        buf_fini(&out);
        buf_fini(&dropped);
    }
}

static void what_a_host_does_not_know_is_in_the_way(void **state)
{
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(obstacles); i++) {
        struct translate *t = begin(obstacles[i].provider, obstacles[i].in, &e);

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
            struct convert_to to = {.model = SPAN_LIT("m")};
            struct translate *t;
            struct buf out;
            struct err e;
            bool ok;

            buf_init(&out, MEGA);
            mem_torture(at, false);
            t = begin(rows[row].provider, rows[row].in, &e);
            ok = t && translate_request(t, &out, &to, &e) == 0;
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
        cmocka_unit_test(what_a_host_does_not_know_is_in_the_way),
        cmocka_unit_test(without_memory_nothing_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
