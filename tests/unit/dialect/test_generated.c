/* Goal: generated conversations go to another dialect and still say there all that it carries; and
 * back unchanged, wherever both say that they carry all that is in them.
 * Method: a seed draws a request in the shape of OpenAI's chat API, and one in that of Anthropic's,
 * which has what the former has not: thinking, documents, cached prefixes, tools that fail. It is
 * written in dialect A, read, written in B, read and compared feature by feature, and written in A
 * again: byte for byte what A had before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/rng.h"
#include "codec/json_tree.h"
#include "dialect/convert.h"
#include "../../conformance/alike.h"
#include "../../conformance/chat_text.h"

#define MEGA  ((size_t)1024 * 1024)
#define SEEDS 500

/* ---- drawing ---- */

static struct rng rng;

static bool chance(double p)
{
    return rng_chance(&rng, p);
}

/* A piece of a text, as JSON has it in a string. */
static void put_piece(struct buf *out)
{
    static const char *const pieces[] = {
        "word",           " and ",        "\\n\\t",           "\\\"quoted\\\"", "\\\\ \\/",
        "\\u00e9",        "\xC3\xA9",     "\xF0\x9F\x98\x80", "\\ud83d\\ude00", "\\ud800",
        "\\udc00x",       "\\u2028",      "</script>",        "\\u0000",        "9007199254740993",
        "{\\\"a\\\": 1}", "data: \\n\\n", "\\r\\nevent: x",
    };

    buf_add_str(out, pieces[rng_below(&rng, ARRAY_LEN(pieces))]);
}

static void put_text(struct buf *out)
{
    uint64_t n = chance(0.05) ? 300 : rng_below(&rng, 6);

    buf_add_str(out, "\"t");
    for (uint64_t i = 0; i < n; i++)
        put_piece(out);
    buf_add_char(out, '"');
}

static void put_schema(struct buf *out)
{
    buf_add_str(out, "{\"type\":\"object\",\"properties\":{\"z\":{\"type\":\"integer\",\"maximum\":"
                     "9007199254740993},\"a\":{\"type\":\"string\",\"description\":");
    put_text(out);
    buf_add_str(out, "}},\"required\":[\"z\"],\"additionalProperties\":false}");
}

static void put_tools(struct buf *out)
{
    uint64_t n = 1 + rng_below(&rng, 3);

    buf_add_str(out, ",\"tools\":[");
    for (uint64_t i = 0; i < n; i++) {
        buf_printf(out, "%s{\"type\":\"function\",\"function\":{\"name\":\"f_%d\",\"description\":",
                   i ? "," : "", (int)i);
        put_text(out);
        buf_add_str(out, ",\"parameters\":");
        put_schema(out);
        buf_add_str(out, "}}");
    }
    buf_add_char(out, ']');
}

static void put_user(struct buf *out)
{
    buf_add_str(out, ",{\"role\":\"user\",\"content\":");
    if (chance(0.6)) {
        put_text(out);
    } else {
        buf_add_str(out, "[{\"type\":\"text\",\"text\":");
        put_text(out);
        buf_add_str(out, "},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,"
                         "AAAA\"");
        buf_printf(out,
                   "%s}},{\"type\":\"text\",\"text\":", chance(0.2) ? ",\"detail\":\"high\"" : "");
        put_text(out);
        buf_add_str(out, "}]");
    }
    buf_add_char(out, '}');
}

static void put_call(struct buf *out, int turn, int i)
{
    buf_printf(out,
               "%s{\"id\":\"call_%d_%d\",\"type\":\"function\",\"function\":{\"name\":\"f_0\","
               "\"arguments\":\"{\\\"z\\\":9007199254740993,\\\"y\\\":1.50,\\\"a\\\":\\\"\xC3\xA9"
               "\\\"}\"}}",
               i ? "," : "", turn, i);
}

/* The model speaks, calls tools, and they answer. */
static void put_model(struct buf *out, int turn, bool tools)
{
    int calls = tools ? (int)rng_below(&rng, 4) : 0;

    buf_add_str(out, ",{\"role\":\"assistant\",\"content\":");
    if (calls && chance(0.5))
        buf_add_str(out, "null");
    else
        put_text(out);
    for (int i = 0; i < calls; i++) {
        if (i == 0)
            buf_add_str(out, ",\"tool_calls\":[");
        put_call(out, turn, i);
    }
    buf_add_str(out, calls ? "]}" : "}");
    for (int i = 0; i < calls; i++) {
        buf_printf(out, ",{\"role\":\"tool\",\"tool_call_id\":\"call_%d_%d\",\"content\":", turn,
                   i);
        put_text(out);
        buf_add_char(out, '}');
    }
}

static void put_conf(struct buf *out)
{
    static const char *const members[] = {
        ",\"temperature\":0.70",
        ",\"top_p\":1e-1",
        ",\"seed\":9007199254740993",
        ",\"stop\":[\"a\",\"\\n\\u00e9\"]",
        ",\"frequency_penalty\":0.50,\"presence_penalty\":-1",
        ",\"logprobs\":true,\"top_logprobs\":3",
        ",\"n\":2",
        ",\"reasoning_effort\":\"high\"",
        ",\"verbosity\":\"low\"",
        ",\"logit_bias\":{\"50256\":-100}",
        ",\"metadata\":{\"z\":\"1\",\"a\":\"2\"}",
        ",\"user\":\"u-1\"",
        ",\"response_format\":{\"type\":\"json_object\"}",
        ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"s\",\"strict\":"
        "true,\"schema\":{\"type\":\"object\",\"properties\":{},\"required\":[],"
        "\"additionalProperties\":false}}}",
    };
    uint64_t n = rng_below(&rng, 3);

    if (n)
        buf_add_str(out, members[rng_below(&rng, ARRAY_LEN(members))]);
    if (n > 1)
        buf_add_str(out, ",\"temperature\":1");
}

static void put_choice(struct buf *out)
{
    static const char *const choices[] = {
        "", ",\"tool_choice\":\"auto\"", ",\"tool_choice\":\"required\"",
        ",\"tool_choice\":\"none\"",
        ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f_0\"}}"};

    buf_add_str(out, choices[rng_below(&rng, ARRAY_LEN(choices))]);
    if (chance(0.2))
        buf_printf(out, ",\"parallel_tool_calls\":%s", chance(0.5) ? "true" : "false");
}

static void draw(struct buf *out, uint64_t seed)
{
    bool tools;
    int turns;

    rng_init(&rng, seed);
    tools = chance(0.6);
    turns = (int)rng_below(&rng, 4);
    buf_add_str(out, "{\"model\":\"m\",\"max_completion_tokens\":4096,\"messages\":[{\"role\":"
                     "\"system\",\"content\":");
    put_text(out);
    buf_add_char(out, '}');
    for (int i = 0; i < turns; i++) {
        put_user(out);
        put_model(out, i, tools);
    }
    put_user(out);
    buf_add_char(out, ']');
    if (tools) {
        put_tools(out);
        put_choice(out);
    }
    put_conf(out);
    buf_add_char(out, '}');
    assert_true(buf_ok(out));
}

/* ---- drawing what only Anthropic's has ---- */

/* Items of a content, each followed by a comma, but for the last. */
static void put_block(struct buf *out, const char *block)
{
    buf_printf(out, "%s%s,", block,
               chance(0.1) ? ",\"cache_control\":{\"type\":\"ephemeral\"}}" : "}");
}

static void put_text_block(struct buf *out)
{
    buf_add_str(out, "{\"type\":\"text\",\"text\":");
    put_text(out);
    put_block(out, "");
}

static void put_question(struct buf *out)
{
    static const char *const media[] = {
        "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":"
        "\"AAAA\"}",
        "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://h/i.png\"}",
        "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\","
        "\"data\":\"BBBB\"}",
        "{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"https://h/d.pdf\"}",
        "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/"
        "plain\",\"data\":"
        "\"plain words\"}",
    };

    if (chance(0.3))
        put_block(out, media[rng_below(&rng, ARRAY_LEN(media))]);
    put_text_block(out);
    out->n--;
}

static void put_results(struct buf *out, int turn, int calls)
{
    for (int i = 0; i < calls; i++) {
        buf_printf(out,
                   "{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_%d_%d\",\"is_error\":%s,"
                   "\"content\":[",
                   turn, i, chance(0.3) ? "true" : "false");
        if (chance(0.3))
            put_block(out, "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
                           "\"image/png\",\"data\":\"CCCC\"}");
        buf_add_str(out, "{\"type\":\"text\",\"text\":");
        if (chance(0.2))
            buf_add_str(out, "\"{\\\"a\\\":1}\"");
        else
            put_text(out);
        buf_add_str(out, "}]");
        put_block(out, "");
    }
}

/* The model thinks, speaks, calls tools; they answer in front of the next question. */
static void put_thinker(struct buf *out, int turn, bool tools)
{
    int calls = tools ? (int)rng_below(&rng, 3) : 0;

    buf_add_str(out, ",{\"role\":\"assistant\",\"content\":[");
    if (chance(0.4)) {
        buf_add_str(out, "{\"type\":\"thinking\",\"thinking\":");
        put_text(out);
        buf_add_str(out, ",\"signature\":\"c2lnbmVk\"},");
    }
    put_text_block(out);
    for (int i = 0; i < calls; i++) {
        buf_printf(out,
                   "{\"type\":\"tool_use\",\"id\":\"toolu_%d_%d\",\"name\":\"f_0\",\"input\":{"
                   "\"z\":9007199254740993,\"y\":1.50}",
                   turn, i);
        put_block(out, "");
    }
    out->n--;
    buf_add_str(out, "]},{\"role\":\"user\",\"content\":[");
    put_results(out, turn, calls);
}

static void put_declared(struct buf *out)
{
    static const char *const choices[] = {
        "{\"type\":\"auto\"}", "{\"type\":\"any\"}", "{\"type\":\"none\"}",
        "{\"type\":\"tool\",\"name\":\"f_0\",\"disable_parallel_tool_use\":true}"};

    buf_add_str(out, ",\"tools\":[{\"name\":\"f_0\",\"description\":");
    put_text(out);
    buf_add_str(out, ",\"input_schema\":");
    put_schema(out);
    put_block(out, "");
    out->n--;
    buf_printf(out, "],\"tool_choice\":%s", choices[rng_below(&rng, ARRAY_LEN(choices))]);
}

static void draw_messages(struct buf *out, uint64_t seed)
{
    static const char *const members[] = {
        "",
        ",\"temperature\":0.70",
        ",\"top_p\":1e-1",
        ",\"top_k\":7",
        ",\"stop_sequences\":[\"a\",\"b\"]",
        ",\"metadata\":{\"user_id\":\"u-1\"}",
        ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}",
        ",\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"high\"}",
        ",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\","
        "\"properties\":{\"p\":{\"type\":\"string\"}},\"required\":[\"p\"],"
        "\"additionalProperties\":false}}}",
    };
    bool tools;
    int turns;

    rng_init(&rng, seed);
    tools = chance(0.6);
    turns = (int)rng_below(&rng, 4);
    buf_add_str(out, "{\"model\":\"m\",\"max_tokens\":4096,\"system\":[");
    put_text_block(out);
    out->n--;
    buf_add_str(out, "],\"messages\":[{\"role\":\"user\",\"content\":[");
    for (int i = 0; i < turns; i++) {
        put_question(out);
        buf_add_str(out, "]}");
        put_thinker(out, i, tools);
    }
    put_question(out);
    buf_add_str(out, "]}]");
    if (tools)
        put_declared(out);
    buf_printf(out, "%s}", members[rng_below(&rng, ARRAY_LEN(members))]);
    assert_true(buf_ok(out));
}

/* ---- going there and back ---- */

/* A request as it was read: from a text of its own. */
struct held {
    struct arena arena;
    struct json_tree tree;
    struct chat_request q;
};

static void hold(struct held *h, const struct convert *c, struct span text, uint64_t seed)
{
    struct err e;

    *h = (struct held){0};
    arena_init(&h->arena, 64 * MEGA);
    h->q.arena = &h->arena;
    if (json_tree_read(&h->tree, text, &e) < 0 || c->read_request(&h->q, h->tree.root, &e) < 0)
        fail_msg("seed %d, %s: %s\n%.*s", (int)seed, c->name, e.text, SPAN_FMT(text));
}

static void release(struct held *h)
{
    json_tree_fini(&h->tree);
    arena_fini(&h->arena);
}

/* false: something in it has no word there, or another one. 4096 tokens are said by all. */
static bool carries_all(const struct convert *c, const struct chat_request *q)
{
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++)
        if (q->has & CHAT_BIT(f) && f != CHAT_HAS_MAX_TOKENS && c->loss[f].loss != CARRIED)
            return false;
    return true;
}

/* false: this value cannot be said there. */
static bool write(struct buf *out, const struct convert *c, const struct held *h,
                  struct convert_told *told, uint64_t seed)
{
    /* Older ones of Google's have one word for how closely all images are looked at. */
    struct span model = c == &convert_gemini_generate ? SPAN_LIT("gemini-3-pro") : SPAN_LIT("m");
    struct convert_to to = {.model = model, .signer = c->signer, .max_tokens = 4096, .told = told};
    struct err e;

    buf_init(out, 64 * MEGA);
    if (c->write_request(out, &h->q, &to, &e) == 0 && buf_finish(out, "request", &e) == 0)
        return true;
    if (e.code != ERR_PROTOCOL || !told || carries_all(c, &h->q))
        fail_msg("seed %d, %s: %s", (int)seed, c->name, e.text);
    return false;
}

static void same(const struct held *x, const struct held *y, struct span there, uint64_t seed)
{
    struct buf had, got;
    size_t i = 0;

    buf_init(&had, 64 * MEGA);
    buf_init(&got, 64 * MEGA);
    chat_text_request(&had, &x->q);
    chat_text_request(&got, &y->q);
    if (!span_eq(buf_span(&had), buf_span(&got))) {
        while (i < MIN(had.n, got.n) && had.p[i] == got.p[i])
            i++;
        fail_msg("seed %d\n  had %.*s\n  got %.*s\nthere %.*s", (int)seed, (int)MIN(had.n - i, 200),
                 had.p + i, (int)MIN(got.n - i, 200), got.p + i, (int)MIN(there.n, 3000), there.p);
    }
    buf_fini(&had);
    buf_fini(&got);
}

struct going {
    const struct convert *to;
    uint64_t seed;
    struct span there;
};

static void differs(void *arg, const char *what, struct span want, struct span got)
{
    const struct going *g = arg;

    fail_msg("seed %d to %s: %s\n  was %.*s\n  is %.*s\nthere %.*s", (int)g->seed, g->to->name,
             what, (int)MIN(want.n, (size_t)500), want.p, (int)MIN(got.n, (size_t)500), got.p,
             (int)MIN(g->there.n, (size_t)3000), g->there.p);
}

static void there_and_back(const struct convert *a, const struct convert *b, struct span text,
                           uint64_t seed)
{
    struct convert_told told = {0}, told_back = {0};
    struct buf there, back;
    struct held in_a, in_b, again;
    struct going going = {b, seed, {NULL, 0}};

    hold(&in_a, a, text, seed);
    buf_init(&there, 0);
    if (convert_obstacle(b, &convert_host_plain, &in_a.q) != CHAT_FEATURES ||
        !write(&there, b, &in_a, &told, seed)) {
        buf_fini(&there);
        release(&in_a);
        return;
    }
    going.there = buf_span(&there);
    hold(&in_b, b, buf_span(&there), seed);
    alike_requests(b, &told, &in_a.q, &in_b.q, differs, &going);
    /* Plain text comes back from some as a file's bytes. */
    if (!(in_a.q.has & CHAT_BIT(CHAT_HAS_DOCUMENT_TEXT)) && carries_all(b, &in_a.q)) {
        assert_true(write(&back, a, &in_b, &told_back, seed));
        hold(&again, a, buf_span(&back), seed);
        if (!told_back.dropped && !told_back.approximated)
            same(&in_a, &again, buf_span(&there), seed);
        release(&again);
        buf_fini(&back);
    }
    buf_fini(&there);
    release(&in_b);
    release(&in_a);
}

static void conversations_go_there_and_back(void **state)
{
    unsigned gone[CONVERTS] = {0};
    struct buf drawn, own;
    struct held h;

    UNUSED(state);
    buf_init(&drawn, MEGA);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        buf_reset(&drawn);
        draw(&drawn, seed);
        hold(&h, &convert_openai_chat, buf_span(&drawn), seed);
        for (size_t j = 0; j < CONVERTS; j++) /* as it was drawn, and as each would say it */
            there_and_back(&convert_openai_chat, convert_row(j), buf_span(&drawn), seed);
        for (size_t i = 0; i < CONVERTS; i++) {
            const struct convert *a = convert_row(i);

            if (!carries_all(a, &h.q))
                continue;
            gone[i]++;
            assert_true(write(&own, a, &h, NULL, seed));
            for (size_t j = 0; j < CONVERTS; j++)
                there_and_back(a, convert_row(j), buf_span(&own), seed);
            buf_fini(&own);
        }
        release(&h);
    }
    for (size_t i = 0; i < CONVERTS; i++)
        if (gone[i] < SEEDS / 20)
            fail_msg("%s: only %u of %d were carried", convert_row(i)->name, gone[i], SEEDS);
    buf_fini(&drawn);
}

static void what_only_anthropics_has_goes_there(void **state)
{
    struct buf drawn;

    UNUSED(state);
    buf_init(&drawn, MEGA);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        buf_reset(&drawn);
        draw_messages(&drawn, seed);
        for (size_t i = 0; i < CONVERTS; i++)
            there_and_back(&convert_anthropic_messages, convert_row(i), buf_span(&drawn), seed);
    }
    buf_fini(&drawn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(conversations_go_there_and_back),
                                       cmocka_unit_test(what_only_anthropics_has_goes_there)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
