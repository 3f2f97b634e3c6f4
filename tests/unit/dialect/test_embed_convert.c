/*
 * Goal: vectors asked for in one dialect are what a target of another is asked for, and each text
 * gets its own; what is no text is refused by its place; no lack of memory does harm.
 * Method: rows of JSON through translate.h, as the gateway goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dialect/dialect.h"
#include "dialect/translate.h"

#define OPENAI &dialect_openai_embeddings
#define GEMINI &dialect_gemini_embed
#define VERTEX &dialect_vertex_predict
#define COHERE &dialect_cohere_embed
#define TITAN  &dialect_titan_embed

static struct translate_conf conf_of(const struct dialect *client, const struct dialect *target)
{
    return (struct translate_conf){.client_embed = convert_embed_client(client),
                                   .target_embed = convert_embed_target(target),
                                   .model = SPAN_LIT("mine"),
                                   .id = SPAN_LIT("id"),
                                   .answer_max = 1 << 20};
}

/* The target's request and the names of what it was not told; or why there is none. */
static void ask(struct buf *out, const struct dialect *client, const struct dialect *target,
                const char *body)
{
    struct translate_conf conf = conf_of(client, target);
    struct convert_to to = {.model = SPAN_LIT("theirs")};
    struct translate *t = NULL;
    struct buf dropped;
    struct err e;

    buf_init(&dropped, 4096);
    if (translate_new(&t, &conf, span_str(body), &e) < 0 ||
        translate_request(t, out, &to, &e) < 0) {
        buf_reset(out);
        buf_printf(out, "%s: %s", e.code == ERR_PROTOCOL ? "no" : "ill", e.text);
    } else {
        translate_dropped(t, &dropped);
        if (dropped.n)
            buf_printf(out, " - %.*s", SPAN_FMT(buf_span(&dropped)));
        assert_int_equal(translate_obstacle(t), CHAT_FEATURES);
    }
    translate_free(&t);
    buf_fini(&dropped);
}

static void same(const char *name, const struct buf *got, const char *want)
{
    if (!span_is(buf_span(got), want))
        fail_msg("'%s': got\n%.*s\nnot\n%s", name, SPAN_FMT(buf_span(got)), want);
}

#define TEXT(s) "{\"content\":{\"parts\":[{\"text\":\"" s "\"}]}}"

static const struct {
    const struct dialect *client, *target;
    const char *body, *want;
} asked[] = {
    {GEMINI, OPENAI, TEXT("hi"),
     "{\"model\":\"theirs\",\"input\":[\"hi\"],\"encoding_format\":\"float\"}"},
    {GEMINI, OPENAI,
     "{\"requests\":[{\"model\":\"models/"
     "x\",\"content\":{\"role\":null,\"parts\":{\"text\":\"a\"}},"
     "\"output_dimensionality\":3},{\"content\":{\"parts\":[{\"text\":\"b\\u0000\"},{\"text\":"
     "\"c\"}]},\"outputDimensionality\":3}]}",
     "{\"model\":\"theirs\",\"input\":[\"a\",\"b\\u0000c\"],\"dimensions\":3,"
     "\"encoding_format\":\"float\"}"},
    {GEMINI, OPENAI,
     "{\"content\":{\"parts\":[{\"text\":\"\"}]},\"taskType\":\"CLUSTERING\",\"title\":\"t\","
     "\"autoTruncate\":true}",
     "{\"model\":\"theirs\",\"input\":[\"\"],\"encoding_format\":\"float\"}"
     " - autoTruncate, taskType, title"},
    {GEMINI, VERTEX,
     "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"embedContentConfig\":{"
     "\"taskType\":\"CLUSTERING\",\"title\":\"t\",\"outputDimensionality\":3}}]}",
     "{\"instances\":[{\"content\":\"a\",\"task_type\":\"CLUSTERING\",\"title\":\"t\"}],"
     "\"parameters\":{\"outputDimensionality\":3}}"},
    {OPENAI, VERTEX,
     "{\"model\":\"mine\",\"input\":\"a\",\"dimensions\":768,\"encoding_format\":\"base64\","
     "\"user\":\"u\"}",
     "{\"instances\":[{\"content\":\"a\"}],\"parameters\":{\"outputDimensionality\":768}} - user"},
    {OPENAI, VERTEX, "{\"input\":[\"a\",\"\\ud800\"]}",
     "{\"instances\":[{\"content\":\"a\"},{\"content\":\"\\ud800\"}]}"},
    /* Vertex AI's embedContent is Google's own, for one text */
    {OPENAI, GEMINI, "{\"input\":[\"a\"]}", "{\"content\":{\"parts\":[{\"text\":\"a\"}]}}"},
    {GEMINI, GEMINI,
     "{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"taskType\":\"CLUSTERING\",\"title\":\"t\","
     "\"outputDimensionality\":3}",
     "{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"embedContentConfig\":{\"taskType\":"
     "\"CLUSTERING\",\"title\":\"t\",\"outputDimensionality\":3}}"},
    {OPENAI, GEMINI, "{\"input\":[\"a\",\"b\"]}",
     "no: Vertex AI's embedContent makes one vector a request, and 2 are asked for"},
    /* Cohere must know what for */
    {OPENAI, COHERE, "{\"input\":[\"a\",\"b\"],\"dimensions\":256}",
     "{\"model\":\"theirs\",\"texts\":[\"a\",\"b\"],\"input_type\":\"search_document\","
     "\"embedding_types\":[\"float\"],\"output_dimension\":256}"},
    {GEMINI, COHERE,
     "{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"taskType\":\"RETRIEVAL_QUERY\",\"title\":"
     "\"t\"}",
     "{\"model\":\"theirs\",\"texts\":[\"a\"],\"input_type\":\"search_query\","
     "\"embedding_types\":[\"float\"]} - title"},
    {GEMINI, COHERE,
     "{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"taskType\":\"FACT_VERIFICATION\"}",
     "{\"model\":\"theirs\",\"texts\":[\"a\"],\"input_type\":\"search_document\","
     "\"embedding_types\":[\"float\"]} - taskType"},
    {GEMINI, COHERE,
     "{\"requests\":[" TEXT("a") ",{\"content\":{\"parts\":[{\"text\":\"b\"}]},"
                                 "\"taskType\":\"CLUSTERING\"}]}",
     "no: requests[1].taskType: a target takes one for all texts"},
    {OPENAI, TITAN, "{\"input\":\"a\",\"dimensions\":512}",
     "{\"inputText\":\"a\",\"dimensions\":512}"},
    {GEMINI, TITAN, "{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"taskType\":\"CLUSTERING\"}",
     "{\"inputText\":\"a\"} - taskType"},
    {OPENAI, TITAN, "{\"input\":[\"a\",\"b\"]}",
     "no: Amazon's Titan makes one vector a request, and 2 are asked for"},
    /* what cannot be said, or is wrong */
    {GEMINI, OPENAI,
     "{\"requests\":[" TEXT(
         "a") ",{\"content\":{\"parts\":[{\"text\":\"b\"},"
              "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AAAA\"}}]}}]}",
     "no: requests[1].content.parts[1]: only Google's own models take anything but text here"},
    {GEMINI, OPENAI,
     "{\"requests\":[" TEXT("a") ",{\"content\":{\"parts\":[{\"text\":\"b\"}]},"
                                 "\"outputDimensionality\":5}]}",
     "no: requests[1].outputDimensionality: only Google's own models make vectors of several "
     "lengths at once"},
    {GEMINI, OPENAI, "{\"requests\":[]}", "no: requests: a list of at least one request is wanted"},
    {GEMINI, OPENAI, "{\"requests\":{}}", "no: requests: a list of at least one request is wanted"},
    {GEMINI, OPENAI, "{\"requests\":[1]}", "no: requests[0]: an object is wanted"},
    {GEMINI, OPENAI, "{}", "no: content: it is missing"},
    {GEMINI, OPENAI, "{\"content\":\"a\"}", "no: content: an object is wanted"},
    {GEMINI, OPENAI, "{\"content\":{}}", "no: content.parts: it is missing"},
    {GEMINI, OPENAI, "{\"content\":{\"parts\":[1]}}", "no: content.parts[0]: an object is wanted"},
    {GEMINI, OPENAI, "{\"content\":{\"parts\":[{\"text\":1}]}}",
     "no: content.parts[0].text: a string is wanted"},
    {GEMINI, OPENAI, "{\"content\":{\"parts\":[]},\"outputDimensionality\":\"3\"}",
     "no: outputDimensionality: a number is wanted"},
    {OPENAI, VERTEX, "{\"input\":[1,2,3]}",
     "no: input: numbers of tokens mean something to their own model alone"},
    {OPENAI, VERTEX, "{\"input\":[\"a\",[1,2]]}",
     "no: input[1]: numbers of tokens mean something to their own model alone"},
    {OPENAI, VERTEX, "{\"input\":[\"a\",true]}",
     "no: input[1]: a text or a list of tokens is wanted"},
    {OPENAI, VERTEX, "{\"input\":[]}", "no: input: at least one text is wanted"},
    {OPENAI, VERTEX, "{\"input\":7}", "no: input: a text or a list of tokens is wanted"},
    {OPENAI, VERTEX, "{\"model\":\"m\"}", "no: input: it is missing"},
    {OPENAI, VERTEX, "{\"input\":\"a\",\"encoding_format\":\"hex\"}",
     "no: encoding_format: \"float\" or \"base64\" is wanted"},
    {OPENAI, VERTEX, "{\"input\":\"a\",\"dimensions\":\"9\"}",
     "no: dimensions: a number is wanted"},
    {OPENAI, VERTEX, "[]", "no: the body: an object is wanted"},
};

static void requests_cross(void **state)
{
    struct buf out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        buf_init(&out, 1 << 16);
        ask(&out, asked[i].client, asked[i].target, asked[i].body);
        same(asked[i].body, &out, asked[i].want);
        buf_fini(&out);
    }
}

/* ---- answers ---- */

#define ONE        TEXT("a")
#define TWO        "{\"requests\":[" TEXT("a") "," TEXT("b") "]}"
#define PLAIN      "{\"input\":[\"a\",\"b\"]}"
#define BASE64     "{\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\"}"
#define ITEM(i, v) "{\"object\":\"embedding\",\"index\":" i ",\"embedding\":" v "}"

static const struct {
    const struct dialect *client, *target;
    const char *body, *answer, *want;
} answered[] = {
    {GEMINI, OPENAI, ONE,
     "{\"data\":[" ITEM("0", "[0.10,-1e-7]") "],\"usage\":{\"prompt_tokens\":3,"
                                             "\"total_tokens\":4}}",
     "{\"embedding\":{\"values\":[0.10,-1e-7]},\"usageMetadata\":{\"promptTokenCount\":3}}"},
    /* in the order of the texts, whatever that of the answer is */
    {GEMINI, OPENAI, TWO, "{\"data\":[" ITEM("1", "[2]") "," ITEM("0", "[1]") "]}",
     "{\"embeddings\":[{\"values\":[1]},{\"values\":[2]}]}"},
    /* hosts that give no index, and only a total */
    {GEMINI, OPENAI, TWO,
     "{\"data\":[{\"embedding\":[1]},{\"embedding\":[2]}],\"usage\":{\"total_tokens\":9}}",
     "{\"embeddings\":[{\"values\":[1]},{\"values\":[2]}],\"usageMetadata\":{"
     "\"promptTokenCount\":9}}"},
    {OPENAI, VERTEX, PLAIN,
     "{\"predictions\":[{\"embeddings\":{\"values\":[0.5,9007199254740993],\"statistics\":{"
     "\"token_count\":2.0}}},{\"embeddings\":{\"values\":[2],\"statistics\":{\"token_count\":5}}}]"
     "}",
     "{\"object\":\"list\",\"data\":[" ITEM("0", "[0.5,9007199254740993]") "," ITEM(
         "1", "[2]") "],\"model\":\"mine\",\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}"},
    /* 1, -2 and 0.1 as floats, the lowest byte first (IEEE 754) */
    {OPENAI, VERTEX, BASE64,
     "{\"predictions\":[{\"embeddings\":{\"values\":[1,-2.0]}},{\"embeddings\":{\"values\":[1e-1]}}"
     "]}",
     "{\"object\":\"list\",\"data\":[" ITEM("0", "\"AACAPwAAAMA=\"") "," ITEM(
         "1", "\"zczMPQ==\"") "],\"model\":\"mine\"}"},
    {OPENAI, GEMINI, "{\"input\":\"a\"}",
     "{\"embedding\":{\"values\":[1]},\"usageMetadata\":{\"promptTokenCount\":3}}",
     "{\"object\":\"list\",\"data\":[" ITEM("0", "[1]") "],\"model\":\"mine\",\"usage\":{"
                                                        "\"prompt_tokens\":3,\"total_tokens\":3}}"},
    {OPENAI, COHERE, PLAIN,
     "{\"id\":\"i\",\"embeddings\":{\"float\":[[1],[2]]},\"texts\":[\"a\",\"b\"],\"meta\":{"
     "\"billed_units\":{\"input_tokens\":4}}}",
     "{\"object\":\"list\",\"data\":[" ITEM("0", "[1]") "," ITEM(
         "1", "[2]") "],\"model\":\"mine\",\"usage\":{\"prompt_tokens\":4,\"total_tokens\":4}}"},
    {GEMINI, TITAN, ONE, "{\"embedding\":[1,2],\"inputTextTokenCount\":5}",
     "{\"embedding\":{\"values\":[1,2]},\"usageMetadata\":{\"promptTokenCount\":5}}"},
    /* no answer to these texts */
    {OPENAI, COHERE, PLAIN, "{\"embeddings\":{\"float\":[[1]]}}",
     "no: the answer has 1 vectors for 2 texts"},
    {OPENAI, COHERE, PLAIN, "{\"embeddings\":[[1],[2]]}", "no: embeddings.float: a list is wanted"},
    {OPENAI, TITAN, "{\"input\":\"a\"}", "{\"embedding\":\"\"}",
     "no: embedding: a list of numbers is wanted"},
    {OPENAI, GEMINI, "{\"input\":\"a\"}", "{\"embedding\":{}}",
     "no: embedding.values: a list of numbers is wanted"},
    {GEMINI, OPENAI, TWO, "{\"data\":[" ITEM("0", "[1]") "]}",
     "no: the answer has 1 vectors for 2 texts"},
    {GEMINI, OPENAI, ONE, "{\"data\":[" ITEM("0", "[1]") "," ITEM("1", "[1]") "]}",
     "no: data[1].embedding: there are only 1 texts"},
    {GEMINI, OPENAI, TWO, "{\"data\":[" ITEM("1", "[1]") "," ITEM("1", "[1]") "]}",
     "no: data[1].embedding: text 1 has a vector already"},
    {GEMINI, OPENAI, ONE, "{\"data\":[" ITEM("-1", "[1]") "]}",
     "no: data[0].index: a whole number is wanted"},
    {GEMINI, OPENAI, ONE, "{\"data\":[" ITEM("0", "\"AAAA\"") "]}",
     "no: data[0].embedding: a list of numbers is wanted"},
    {GEMINI, OPENAI, ONE, "{\"data\":[" ITEM("0", "[]") "]}",
     "no: data[0].embedding: a list of numbers is wanted"},
    {GEMINI, OPENAI, ONE, "{\"data\":[" ITEM("0", "[1,null]") "]}",
     "no: data[0].embedding: a list of numbers is wanted"},
    {GEMINI, OPENAI, ONE, "{\"data\":{}}", "no: data: a list is wanted"},
    {OPENAI, VERTEX, PLAIN, "{\"predictions\":1}", "no: predictions: a list is wanted"},
    {OPENAI, VERTEX, PLAIN, "{\"predictions\":[{}]}",
     "no: predictions[0].embeddings.values: a list of numbers is wanted"},
    {OPENAI, VERTEX, BASE64,
     "{\"predictions\":[{\"embeddings\":{\"values\":[1e39]}},{\"embeddings\":{\"values\":[1]}}]}",
     "no: a number of a vector is no float: 1e39"},
};

static void answer(struct buf *out, const struct dialect *client, const struct dialect *target,
                   const char *body, const char *text)
{
    struct translate_conf conf = conf_of(client, target);
    struct translate *t = NULL;
    struct err e;

    if (translate_new(&t, &conf, span_str(body), &e) < 0 ||
        translate_answer(t, span_str(text), false, out, &e) < 0) {
        buf_reset(out);
        buf_printf(out, "%s: %s", e.code == ERR_PROTOCOL ? "no" : "ill", e.text);
    }
    translate_free(&t);
}

static void answers_cross(void **state)
{
    struct buf out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answered); i++) {
        buf_init(&out, 1 << 16);
        answer(&out, answered[i].client, answered[i].target, answered[i].body, answered[i].answer);
        same(answered[i].answer, &out, answered[i].want);
        buf_fini(&out);
    }
}

/* A number of 63 bytes becomes a float, one of 64 is none that a model writes. */
static void a_number_has_a_length(void **state)
{
    char answer_text[256];
    struct buf out;

    (void)state;
    for (int digits = 61; digits <= 62; digits++) {
        (void)snprintf(answer_text, sizeof(answer_text),
                       "{\"predictions\":[{\"embeddings\":{\"values\":[0.%0*d]}}]}", digits, 0);
        buf_init(&out, 1 << 16);
        answer(&out, OPENAI, VERTEX, "{\"input\":\"a\",\"encoding_format\":\"base64\"}",
               answer_text);
        assert_int_equal(span_contains(buf_span(&out), SPAN_LIT("AAAAAA==")), digits == 61);
        assert_int_equal(span_starts(buf_span(&out), SPAN_LIT("no: ")), digits == 62);
        buf_fini(&out);
    }
}

static void every_allocation_may_fail(void **state)
{
    struct buf out;

    (void)state;
    for (size_t row = 0; row < ARRAY_LEN(answered); row++) {
        bool ill = true;

        for (unsigned n = 1; ill; n++) {
            buf_init(&out, 1 << 16);
            mem_torture(n, true);
            answer(&out, answered[row].client, answered[row].target, answered[row].body,
                   answered[row].answer);
            mem_torture(0, false);
            ill = span_starts(buf_span(&out), SPAN_LIT("ill: ")) || !buf_ok(&out);
            if (!ill)
                same(answered[row].answer, &out, answered[row].want);
            buf_fini(&out);
            assert_true(n < 200);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_cross),
        cmocka_unit_test(answers_cross),
        cmocka_unit_test(a_number_has_a_length),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
