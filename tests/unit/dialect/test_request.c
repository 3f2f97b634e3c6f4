/*
 * Goal: what routing needs is read from every acceptable body, and every other is refused in
 * plain words, wherever reads cut it.
 * Method: rows of (body, what was read, or what is said); each body is fed at once, in bytes, and
 * split in two at every byte.
 */
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

#include <cmocka.h>

#include "dialect/dialect.h"

_Static_assert(sizeof(struct dialect_request_reader) <= 2048, "promised in the header");

#define CHAT      &dialect_openai_chat
#define TEXTS     &dialect_openai_completions
#define VECTORS   &dialect_openai_embeddings
#define RESPONSES &dialect_openai_responses
#define MESSAGES  &dialect_anthropic_messages
#define COUNTS    &dialect_anthropic_count
#define GEMINI    &dialect_gemini_generate

/* clang-format off */
static const struct {
    const struct dialect *d;
    const char *body, *model;
    bool stream, usage;
    uint32_t choices;
    uint64_t max_tokens;
} good[] = {
    {CHAT, "{\"model\":\"gpt\"}", "gpt", .choices = 1},
    {CHAT, " {\"messages\":[{\"model\":1,\"stream\":2}],\"stream\":true,\"model\":\"a/b:c\"} ", "a/b:c", true, .choices = 1},
    {CHAT, "{\"model\":\"m\\u00e4\\/\"}", "m\xC3\xA4/", .choices = 1},
    {CHAT, "{\"model\":\"m\",\"stream\":null,\"n\":null,\"max_tokens\":null,\"stream_options\":null}", "m", .choices = 1},
    {CHAT, "{\"model\":\"m\",\"n\":2,\"stream\":true,\"stream_options\":{\"include_usage\":true}}", "m", true, true, .choices = 2},
    {CHAT, "{\"model\":\"m\",\"stream_options\":{\"include_usage\":false},\"n\":128.0}", "m", .choices = 128},
    {CHAT, "{\"model\":\"m\",\"max_tokens\":5,\"max_completion_tokens\":9}", "m", .choices = 1, .max_tokens = 9},
    {CHAT, "{\"model\":\"m\",\"max_completion_tokens\":9,\"max_tokens\":5}", "m", .choices = 1, .max_tokens = 9},
    {CHAT, "{\"model\":\"m\",\"max_tokens\":-1,\"max_output_tokens\":1e2}", "m", .choices = 1, .max_tokens = 100},
    {CHAT, "{\"model\":\"m\",\"x\":1,\"x\":2,\"x\":{\"\\u0061\":1}}", "m", .choices = 1},
    {CHAT, "{\"model\":\"m\",\"prompt\":1,\"prompt\":2}", "m", .choices = 1},
    {CHAT, "{\"model\":\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456\"}",
     "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456", .choices = 1},
    {TEXTS, "{\"model\":\"m\",\"prompt\":\"a\",\"n\":2}", "m", .choices = 2},
    {TEXTS, "{\"model\":\"m\",\"prompt\":[\"a\",\"b\",\"c\"],\"n\":2}", "m", .choices = 6},
    {TEXTS, "{\"model\":\"m\",\"prompt\":[1,2,3]}", "m", .choices = 1},
    {TEXTS, "{\"model\":\"m\",\"prompt\":[[1,2],[3,[\"x\"]]]}", "m", .choices = 2},
    {TEXTS, "{\"model\":\"m\",\"prompt\":[]}", "m", .choices = 1},
    {VECTORS, "{\"model\":\"m\",\"stream\":\"x\",\"n\":\"y\",\"input\":[\"a\"]}", "m", .choices = 1},
    {RESPONSES, "{\"model\":\"m\",\"stream\":true,\"max_output_tokens\":7,\"n\":\"x\",\"stream_options\":0,\"store\":true,\"previous_response_id\":\"r\",\"input\":[{\"model\":1}]}", "m", true, .choices = 1, .max_tokens = 7},
    {MESSAGES, "{\"model\":\"m\",\"stream\":true,\"max_tokens\":7,\"n\":5,\"n\":6}", "m", true, .choices = 1, .max_tokens = 7},
    {COUNTS, "{\"model\":\"m\",\"stream\":1}", "m", .choices = 1},
    {GEMINI, "{\"contents\":[],\"stream\":1}", "", .choices = 1},
    {GEMINI, "{\"model\":\"models/m\",\"generationConfig\":{\"candidateCount\":3,\"maxOutputTokens\":9}}", "", .choices = 3, .max_tokens = 9},
    {GEMINI, "{\"generation_config\":{\"candidate_count\":3,\"max_output_tokens\":9}}", "", .choices = 3, .max_tokens = 9},
    {GEMINI, "{\"generateContentRequest\":{\"model\":\"models/m\",\"generationConfig\":{\"candidateCount\":3}}}", "", .choices = 1},
};

static const struct {
    const struct dialect *d;
    const char *body, *why;
} bad[] = {
    {CHAT, "", "The body is not valid JSON: ends early at byte 0."},
    {CHAT, "{\"model\":\"m\"", "The body is not valid JSON: ends early at byte 12."},
    {CHAT, "{\"model\":\"m\"}x", "The body is not valid JSON: more than one value at byte 13."},
    {CHAT, "{'model':1}", "The body is not valid JSON: no key at byte 1."},
    {CHAT, "model=m", "The body is not valid JSON: no value at byte 0."},
    {CHAT, "[]", "The body must be one JSON object."},
    {GEMINI, "[]", "The body must be one JSON object."},
    {GEMINI, "{\"model\":1}", "\"model\" must be a string (byte 9 of the body)."},
    {GEMINI, "{\"generationConfig\":{\"candidateCount\":129}}", "\"generationConfig.candidateCount\" must be a whole number from 1 to 128 (byte 38 of the body)."},
    {GEMINI, "{\"generationConfig\":{\"candidateCount\":1},\"generation_config\":{\"candidate_count\":2}}", "\"generation_config.candidate_count\" comes twice (the second at byte 80 of the body)."},
    {CHAT, "12", "The body must be one JSON object."},
    {CHAT, "\"model\"", "The body must be one JSON object."},
    {CHAT, "{}", "\"model\" is missing."},
    {CHAT, "{\"Model\":\"m\"}", "\"model\" is missing."},
    {CHAT, "{\"model\":null}", "\"model\" must be a string (byte 9 of the body)."},
    {CHAT, "{\"model\":[\"m\"]}", "\"model\" must be a string (byte 9 of the body)."},
    {CHAT, "{\"model\":{}}", "\"model\" must be a string (byte 9 of the body)."},
    {CHAT, "{\"model\":\"\"}", "\"model\" must be a model's name, not empty (byte 9 of the body)."},
    {CHAT, "{\"model\":\"a\\nb\"}", "\"model\" must be free of control characters (byte 9 of the body)."},
    {CHAT, "{\"model\":\"\\u0000\"}", "\"model\" must be free of control characters (byte 9 of the body)."},
    {CHAT, "{\"model\":\"01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567\"}",
     "\"model\" must be at most 127 bytes long (byte 9 of the body)."},
    {CHAT, "{\"model\":\"\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\\u0061\"}",
     "\"model\" must be at most 127 bytes long (byte 9 of the body)."},
    {CHAT, "{\"model\":\"a\",\"model\":\"a\"}", "\"model\" comes twice (the second at byte 21 of the body)."},
    {CHAT, "{\"mod\\u0065l\":\"a\"}", "\"model\" is spelled with escapes (its value is at byte 14 of the body)."},
    {CHAT, "{\"model\":\"a\",\"m\\u006fdel\":\"b\"}", "\"model\" is spelled with escapes (its value is at byte 26 of the body)."},
    {CHAT, "{\"model\":\"a\",\"stream\":1}", "\"stream\" must be true or false (byte 22 of the body)."},
    {CHAT, "{\"model\":\"a\",\"stream\":\"true\"}", "\"stream\" must be true or false (byte 22 of the body)."},
    {CHAT, "{\"stream\":true,\"stream\":true}", "\"stream\" comes twice (the second at byte 24 of the body)."},
    {CHAT, "{\"n\":0}", "\"n\" must be a whole number from 1 to 128 (byte 5 of the body)."},
    {CHAT, "{\"n\":1.5}", "\"n\" must be a whole number from 1 to 128 (byte 5 of the body)."},
    {CHAT, "{\"n\":-1}", "\"n\" must be a whole number from 1 to 128 (byte 5 of the body)."},
    {CHAT, "{\"n\":129}", "\"n\" must be a whole number from 1 to 128 (byte 5 of the body)."},
    {CHAT, "{\"n\":true}", "\"n\" must be a whole number from 1 to 128 (byte 5 of the body)."},
    {CHAT, "{\"max_tokens\":1,\"max_tokens\":1}", "\"max_tokens\" comes twice (the second at byte 29 of the body)."},
    {CHAT, "{\"max_tokens\":\"1\"}", "\"max_tokens\" must be a whole number (byte 14 of the body)."},
    {CHAT, "{\"max_completion_tokens\":0.5}", "\"max_completion_tokens\" must be a whole number (byte 25 of the body)."},
    {CHAT, "{\"max_output_tokens\":1e99}", "\"max_output_tokens\" must be a whole number (byte 21 of the body)."},
    {CHAT, "{\"stream_options\":{},\"stream_options\":{}}", "\"stream_options\" comes twice (the second at byte 38 of the body)."},
    {CHAT, "{\"stream_options\":{\"include_usage\":true,\"include_usage\":false}}", "\"stream_options.include_usage\" comes twice (the second at byte 56 of the body)."},
    {CHAT, "{\"stream_options\":{\"include_usage\":\"yes\"}}", "\"stream_options.include_usage\" must be true or false (byte 35 of the body)."},
    {CHAT, "{\"stream\\u005foptions\":{}}", "\"stream_options\" is spelled with escapes (its value is at byte 23 of the body)."},
    {TEXTS, "{\"prompt\":[\"a\"],\"prompt\":[\"b\"]}", "\"prompt\" comes twice (the second at byte 25 of the body)."},
    {RESPONSES, "{\"model\":\"a\",\"model\":\"b\"}", "\"model\" comes twice (the second at byte 21 of the body)."},
    {RESPONSES, "{\"max_output_tokens\":1,\"max_output_tokens\":2}", "\"max_output_tokens\" comes twice (the second at byte 43 of the body)."},
    {RESPONSES, "{\"str\\u0065am\":true}", "\"stream\" is spelled with escapes (its value is at byte 15 of the body)."},
    {RESPONSES, "{\"input\":\"hi\"}", "\"model\" is missing."},
    {MESSAGES, "{\"model\":\"a\",\"stream\":[]}", "\"stream\" must be true or false (byte 22 of the body)."},
    {MESSAGES, "{\"max_tokens\":1}", "\"model\" is missing."},
};
/* clang-format on */

/* The body in two pieces, or (cut beyond its end) in bytes. */
static int read_cut(struct dialect_request_reader *r, const struct dialect *d, const char *body,
                    size_t cut)
{
    size_t n = strlen(body), most = cut > n ? 1 : cut;
    int rc = 0;

    dialect_request_begin(r, d);
    for (size_t at = 0; at < n && rc == 0; at += most) {
        if (at || most == 0)
            most = cut > n ? 1 : n - at;
        rc = dialect_request_feed(r, body + at, most);
    }
    if (rc < 0)
        assert_int_equal(dialect_request_feed(r, "{", 1), -1); /* it stays refused */
    return dialect_request_end(r);
}

static void acceptable_bodies_are_read(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        for (size_t cut = 0; cut <= strlen(good[i].body) + 1; cut++) {
            struct dialect_request_reader r;
            const struct dialect_request *q = &r.req;

            if (read_cut(&r, good[i].d, good[i].body, cut) < 0)
                fail_msg("row %zu cut at %zu: %s", i, cut, r.why);
            assert_string_equal(q->model, good[i].model);
            assert_int_equal(q->model_n, strlen(good[i].model));
            assert_int_equal(q->stream, good[i].stream);
            assert_int_equal(q->usage_asked, good[i].usage);
            assert_int_equal(q->choices, good[i].choices);
            assert_int_equal(q->max_tokens, good[i].max_tokens);
            if (q->model_len == 0) {
                assert_true(good[i].d->by_url);
                continue;
            }
            assert_int_equal(good[i].body[q->model_at], '"');
            assert_int_equal(good[i].body[q->model_at + q->model_len - 1], '"');
        }
}

/* clang-format off */
static const struct {
    const struct dialect *d;
    const char *body, *asks; /* NULL: as it is */
} usage[] = {
    {CHAT, "{\"model\":\"m\"}", "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true}}"},
    {CHAT, "{\"model\":\"m\" } ", "{\"model\":\"m\" ,\"stream_options\":{\"include_usage\":true}} "},
    {CHAT, "{\"stream_options\":null,\"model\":\"m\"}", "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\"}"},
    {CHAT, "{\"stream_options\":{\"include_usage\":false},\"model\":\"m\"}", "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\"}"},
    {CHAT, "{\"stream_options\":{\"a\":[],\"include_usage\":null},\"model\":\"m\"}", "{\"stream_options\":{\"a\":[],\"include_usage\":true},\"model\":\"m\"}"},
    {TEXTS, "{\"model\":\"m\",\"prompt\":[\"a\"]}", "{\"model\":\"m\",\"prompt\":[\"a\"],\"stream_options\":{\"include_usage\":true}}"},
    {CHAT, "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\"}", NULL},
    {CHAT, "{\"stream_options\":{},\"model\":\"m\"}", NULL},
    {CHAT, "{\"stream_options\":{\"include_obfuscation\":false},\"model\":\"m\"}", NULL},
    {VECTORS, "{\"model\":\"m\"}", NULL},
    {RESPONSES, "{\"model\":\"m\",\"stream\":true}", NULL},
    {MESSAGES, "{\"model\":\"m\",\"stream\":true}", NULL},
    {COUNTS, "{\"model\":\"m\"}", NULL},
};
/* clang-format on */

static void usage_can_be_asked_for_by_a_patch(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(usage); i++)
        for (size_t cut = 0; cut <= strlen(usage[i].body) + 1; cut++) {
            struct dialect_request_reader r;
            const struct blob_patch *p = &r.req.ask_usage;
            char patched[256];

            assert_int_equal(read_cut(&r, usage[i].d, usage[i].body, cut), 0);
            assert_int_equal(span_has(p->with), usage[i].asks != NULL);
            if (!usage[i].asks)
                continue;
            snprintf(patched, sizeof(patched), "%.*s%.*s%s", (int)p->at, usage[i].body,
                     SPAN_FMT(p->with), usage[i].body + p->at + p->len);
            assert_string_equal(patched, usage[i].asks);
        }
}

static void others_are_refused_in_plain_words(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        for (size_t cut = 0; cut <= strlen(bad[i].body) + 1; cut++) {
            struct dialect_request_reader r;

            if (read_cut(&r, bad[i].d, bad[i].body, cut) == 0)
                fail_msg("row %zu cut at %zu is taken: %s", i, cut, bad[i].body);
            assert_string_equal(r.why, bad[i].why);
            assert_int_equal(dialect_request_broken(&r, &(uint64_t){0}),
                             strstr(bad[i].why, "not valid JSON") != NULL);
        }
}

static void depth_64_passes_and_65_does_not(void **state)
{
    struct dialect_request_reader r;
    char body[512] = "{\"model\":\"m\",\"a\":";
    size_t n = strlen(body);
    uint64_t at;

    memset(body + n, '[', 63);
    memset(body + n + 63, ']', 63);
    memcpy(body + n + 126, "}", 2);
    assert_int_equal(read_cut(&r, CHAT, body, 0), 0);
    memset(body + n, '[', 64);
    memset(body + n + 64, ']', 64);
    memcpy(body + n + 128, "}", 2);
    assert_int_equal(read_cut(&r, CHAT, body, 0), -1);
    assert_string_equal(r.why, "The body is nested deeper than 64 levels (byte 80).");
    assert_true(dialect_request_broken(&r, &at) && at == 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acceptable_bodies_are_read),
        cmocka_unit_test(usage_can_be_asked_for_by_a_patch),
        cmocka_unit_test(others_are_refused_in_plain_words),
        cmocka_unit_test(depth_64_passes_and_65_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
