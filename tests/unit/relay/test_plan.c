/* Goal: the targets of a plan are asked in the order that it says, and those that it does not mean
 * for the request are not asked; the plan is read whole or not at all.
 * Method: questions where a request would go (relay/explain.h), of models of every form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/json_scan.h"
#include "ev/ev_sim.h"
#include "loaded.h"
#include "relay/explain.h"

#define ROUTED(object) "{\"messages\":[],\"lamplighter\":" object "}"
#define HASH(c)        "sha256:012345678" c "abcdef0123456789abcdef0123456789ABCDEF0123456789abcdef"
#define UP(name, more) "  " name ": {type: vllm, endpoints: [\"http://127.0.0.1:9/v1\"]" more "}\n"

static const char config[] =
    "version: 1\n"
    "server: {region: near}\n"
    "defaults: {retry: {attempts: 32}}\n"
    "providers:\n" UP("a", "") UP("b", ", region: near") UP(
        "c",
        ", region: far") "  two: {type: vllm, endpoints: [\"http://127.0.0.1:9\", "
                         "\"http://127.0.0.1:8\"]}\n"
                         "models:\n"
                         "  tiers: {targets: [{target: a/1, tier: 2}, b/2, {target: c/3, tier: 2}, "
                         "{target: a/4}]}\n"
                         "  family:\n"
                         "    targets: [a/qwen3-4b, b/llama, {target: c/qwen3-4b, tier: 2}, "
                         "two/x/qwen3-4b]\n"
                         "    degraded: b/qwen3-4b\n"
                         "  plain: {targets: [a/qwen3-4b, b/llama, c/qwen3-4b], prefer: nobody}\n"
                         "  near: {targets: [a/1, c/2, b/3, {target: b/4, tier: 2}], prefer: "
                         "same-region}\n"
                         "  both: {targets: [b/1, c/qwen, b/2, a/x/1], prefer: [same-region, "
                         "family]}\n"
                         "  when:\n"
                         "    targets:\n"
                         "      - {target: a/large, when: {tokens_over: 1000}}\n"
                         "      - {target: a/small, when: {tokens_under: 1000}}\n"
                         "      - {target: a/stream, when: {stream: true}}\n"
                         "      - {target: a/once, when: {stream: false}}\n"
                         "      - {target: a/tools, when: {tools: true}}\n"
                         "      - {target: a/bare, when: {tools: false}}\n"
                         "      - {target: a/of-k, when: {keys: [k]}}\n"
                         "      - {target: a/all, when: {tokens_over: 0, stream: true, tools: "
                         "true, keys: [j, k]}}\n"
                         "  tags:\n"
                         "    targets: [a/0, {target: a/1, tags: x}, {target: b/2, tags: [y, x]}]\n"
                         "    degraded: [{target: c/3, tags: [z, y, x]}]\n"
                         "  requires: {targets: [a/1, none/2], require: [json_schema, tools]}\n"
                         "  body: {targets: [a/1, b/2, c/3, two/4], degraded: b/5, routing: "
                         "{from_body: true}}\n"
                         "  any: {targets: [two/1, b/2, c/3], strategy: spread, routing: "
                         "{from_body: true}}\n"
                         "  never: {targets: [{target: a/1, when: {tokens_over: 9, tokens_under: "
                         "5}}]}\n"
                         "  shares: {strategy: weighted, targets: [{target: a/1, weight: 0}, "
                         "{target: two/2, weight: 3}, "
                         "b/3]}\n"
                         "keys:\n"
                         "  k: {hash: \"" HASH("1") "\"}\n"
                                                    "  j: {hash: \"" HASH(
                                                        "2") "\", tags: [x, y]}\n";

struct bed {
    struct ev *ev;
    struct settings *settings;
    struct buf out, order;
};

static int set_up(void **state)
{
    static const char *const table[] = {"KEY=x", NULL};
    struct bed *b = mem_zalloc(1, sizeof(*b));
    struct buf text;
    struct err e;

    assert_non_null(b);
    buf_init(&text, 1U << 20);
    for (const char *p = config; *p; p++) { /* a provider without tools */
        if (strncmp(p, "models:", 7) == 0 && p[-1] == '\n')
            buf_add_str(&text, "  none: {type: perplexity, key: env:KEY}\n");
        buf_add_char(&text, *p);
    }
    buf_add_char(&text, '\0');
    b->settings = loaded(text.p, NULL, table);
    buf_fini(&text);
    assert_int_equal(ev_sim_new(&b->ev, 1, &e), 0);
    buf_init(&b->out, 1U << 20);
    buf_init(&b->order, 4096);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    buf_fini(&b->out);
    buf_fini(&b->order);
    ev_sim_free(&b->ev);
    settings_unref(&b->settings);
    mem_free(b);
    return 0;
}

enum { TARGET, ASKED, DETAIL, REFUSED };

/* "a/1 b/2 -c/3:tags 400": asked, not asked, refused */
static bool on_hit(void *arg, const struct json_hit *h)
{
    struct buf *out = arg;

    if (h->id == TARGET)
        buf_printf(out, "%s%.*s", out->n ? " " : "", SPAN_FMT(h->raw));
    else if (h->id == ASKED && h->type == JSON_FALSE)
        buf_add_char(out, '-');
    else if (h->id == DETAIL)
        buf_printf(out, ":%.*s", SPAN_FMT(h->raw));
    else if (h->id == REFUSED)
        buf_printf(out, " %.*s", SPAN_FMT(h->raw));
    return true;
}

static const char *ask(struct bed *b, const char *model, const char *body, const char *key,
                       const char *tags)
{
    static const char *const paths[] = {"targets[].target", "targets[].asked", "targets[].detail",
                                        "refused.status"};
    static const struct json_watch watch = {paths, ARRAY_LEN(paths)};
    struct relay_question q = {.path = SPAN_LIT("/v1/chat/completions"),
                               .model = span_str(model),
                               .key = span_str(key),
                               .tags = span_str(tags),
                               .body = span_str(body)};
    struct err e;

    buf_reset(&b->out);
    buf_reset(&b->order);
    assert_int_equal(relay_explain(&b->out, &q, b->ev, b->settings, NULL, 0, &e), 0);
    assert_int_equal(json_scan_all(&watch, buf_span(&b->out), on_hit, &b->order), JSON_SCAN_DONE);
    buf_add_char(&b->order, '\0');
    return b->order.p;
}

#define ONCE   "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define STREAM "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define TOOLS(list)                                                                                \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":true,\"tools\":" list "}"
#define TOOL "[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"

static void targets_are_asked_as_the_plan_says(void **state)
{
    static const struct {
        const char *model, *body, *key, *tags, *want;
    } rows[] = {
        {"tiers", ONCE, NULL, NULL, "b/2 a/4 a/1 c/3"},
        /* same weights elsewhere next, within the tier; both its endpoints; degraded ones last */
        {"family", ONCE, NULL, NULL,
         "a/qwen3-4b two/x/qwen3-4b two/x/qwen3-4b b/llama c/qwen3-4b b/qwen3-4b"},
        {"plain", ONCE, NULL, NULL, "a/qwen3-4b b/llama c/qwen3-4b"},
        {"near", ONCE, NULL, NULL, "b/3 a/1 c/2 b/4"},
        {"both", ONCE, NULL, NULL, "b/1 b/2 c/qwen a/x/1"},
        {"tags", ONCE, NULL, NULL, "a/0 a/1 b/2 c/3"},
        {"tags", ONCE, NULL, "x", "a/1 b/2 c/3 a/0-:tags"},
        {"tags", ONCE, NULL, "x, y", "b/2 c/3 a/0-:tags a/1-:tags"},
        {"tags", ONCE, NULL, ",z, ,x", "c/3 a/0-:tags a/1-:tags b/2-:tags"},
        {"tags", ONCE, NULL, "w", "a/0-:tags a/1-:tags b/2-:tags c/3-:tags 400"},
        {"tags", ONCE, "j", NULL, "b/2 c/3 a/0-:tags a/1-:tags"},
        {"tags", ONCE, "j", "z", "c/3 a/0-:tags a/1-:tags b/2-:tags"},
        {"tags", ONCE, NULL, "1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,g",
         "a/0-:tags a/1-:tags b/2-:tags c/3-:tags 400"},
        {"tags", ONCE, NULL, "1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,g,h", " 400"},
        {"a/1", ONCE, "j", NULL, "a/1-:tags 400"}, /* a name that is no model's has none */
        {"requires", ONCE, NULL, NULL, "a/1 none/2-"},
        {"never", ONCE, NULL, NULL, "a/1-:tokens_under 400"},
        {"when", ONCE, NULL, NULL,
         "a/small a/once a/bare a/large-:tokens_over a/stream-:stream a/tools-:tools a/of-k-:keys "
         "a/all-:stream"},
        {"when", STREAM, NULL, NULL,
         "a/small a/stream a/bare a/large-:tokens_over a/once-:stream a/tools-:tools a/of-k-:keys "
         "a/all-:tools"},
        {"when", TOOLS("[]"), "k", NULL,
         "a/small a/stream a/bare a/of-k a/large-:tokens_over a/once-:stream a/tools-:tools "
         "a/all-:tools"},
        {"when", TOOLS(TOOL), "j", NULL, " 400"}, /* as its key asks for tags; see below */
        {"when", TOOLS(TOOL), "k", NULL,
         "a/small a/stream a/tools a/of-k a/all a/large-:tokens_over a/once-:stream a/bare-:tools"},
    };
    struct bed *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *got = ask(b, rows[i].model, rows[i].body, rows[i].key, rows[i].tags);

        if (rows[i].want[0] == ' ' ? strcmp(got + strlen(got) - 4, rows[i].want) != 0
                                   : strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: %s\n%.*s", i, got, SPAN_FMT(buf_span(&b->out)));
    }
}

static void a_request_may_say_more_where_its_model_lets_it(void **state)
{
    static const struct {
        const char *model, *body, *want;
    } rows[] = {
        {"body", ONCE, "a/1 b/2 c/3 two/4 two/4 b/5"},
        {"body", ROUTED("{}"), "a/1 b/2 c/3 two/4 two/4 b/5"},
        {"body", ROUTED("{\"order\":[\"c/3\",\"two\"]}"), "c/3 two/4 two/4 a/1 b/2 b/5"},
        {"body", ROUTED("{\"order\":[\"b\"]}"), "b/2 b/5 a/1 c/3 two/4 two/4"},
        {"body", ROUTED("{\"only\":[\"b/2\",\"c\"]}"), "b/2 c/3 a/1-:only two/4-:only b/5-:only"},
        {"body", ROUTED("{\"ignore\":[\"a\",\"b/2\"]}"),
         "c/3 two/4 two/4 b/5 a/1-:ignore b/2-:ignore"},
        {"body", ROUTED("{\"allow_fallbacks\":false}"),
         "a/1 b/5-:allow_fallbacks two/4-:allow_fallbacks c/3-:allow_fallbacks "
         "b/2-:allow_fallbacks"},
        {"body", ROUTED("{\"order\":[\"two/4\"],\"allow_fallbacks\":false,\"ignore\":[\"b\"]}"),
         "two/4 two/4 b/2-:ignore b/5-:ignore c/3-:allow_fallbacks a/1-:allow_fallbacks"},
        {"body", ROUTED("{\"only\":[\"nobody\"]}"),
         "a/1-:only b/2-:only c/3-:only two/4-:only b/5-:only 400"},
        {"any", ROUTED("{\"sort\":\"ordered\"}"), "two/1 two/1 b/2 c/3"},
        {"body", ROUTED("{\"sort\":\"best\"}"), " 400"},
        {"body", ROUTED("{\"nobody\":[]}"), " 400"},
        {"body", ROUTED("{\"only\":\"b/2\"}"), " 400"},
        {"body", ROUTED("{\"only\":[7]}"), " 400"},
        {"body", ROUTED("{\"allow_fallbacks\":0}"), " 400"},
        {"body", ROUTED("[]"), " 400"},
        {"body", ROUTED("{},\"lamplighter\":{}"), " 400"},
        {"body", "{\"messages\":[],\"l\\u0061mplighter\":{}}", " 400"},
        /* a model that lets nobody: its target is to judge it */
        {"plain", ROUTED("{\"only\":[\"c\"]}"), "a/qwen3-4b b/llama c/qwen3-4b"},
    };
    struct bed *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *got = ask(b, rows[i].model, rows[i].body, NULL, NULL);

        if (rows[i].want[0] == ' ' ? strcmp(got + strlen(got) - 4, rows[i].want) != 0
                                   : strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: %s\n%.*s", i, got, SPAN_FMT(buf_span(&b->out)));
    }
}

/* A quarter of the bytes, at the bound. */
static void tokens_are_counted_by_bytes(void **state)
{
    struct bed *b = *state;
    char body[4096];

    for (size_t n = 3996; n <= 4008; n++) {
        /* the question adds the model's name, of which all bytes count */
        size_t model = strlen("\"model\":\"when\",");
        const char *got;
        int used = snprintf(body, sizeof(body), "{\"messages\":[],\"x\":\"%*s\"}",
                            (int)(n - model - strlen("{\"messages\":[],\"x\":\"\"}")), "");

        assert_int_equal((size_t)used + model, n);
        got = ask(b, "when", body, NULL, NULL);
        if ((strstr(got, "a/small-:tokens_under") != NULL) != (n / 4 >= 1000) ||
            (strstr(got, "a/large-:tokens_over") != NULL) != (n / 4 <= 1000))
            fail_msg("%zu bytes: %s", n, got);
    }
}

/* Of 3 to 1, over two endpoints; who has no weight comes last. */
static void weights_are_of_targets_and_not_of_their_ways(void **state)
{
    struct bed *b = *state;
    unsigned two = 0;

    for (int i = 0; i < 1000; i++) {
        const char *got = ask(b, "shares", ONCE, NULL, NULL);

        two += got[0] == 't';
        assert_string_equal(got + strlen(got) - 3, "a/1");
    }
    assert_in_range(two, 700, 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(targets_are_asked_as_the_plan_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_may_say_more_where_its_model_lets_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(tokens_are_counted_by_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(weights_are_of_targets_and_not_of_their_ways, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
