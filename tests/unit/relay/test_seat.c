/* Goal: a conversation is known again, whatever its next turns add, and is taken for no other one;
 * it goes first where it sits, if that one may be asked and going on there is not dearer.
 * Method: the body read in every cutting, against pairs that are one conversation or two; questions
 * where a request would go, to a board that knows where it sits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "board/seat.h"
#include "ev/ev_sim.h"
#include "loaded.h"
#include "relay/explain.h"
#include "relay/relay_plan.h"

#define UP(name)                                                                                   \
    "  " name ": {type: openai-compatible, endpoints: [\"http://127.0.0.1:9/v1\"], private: "      \
    "true}\n"

static const char config[] =
    "version: 1\n"
    "providers:\n" UP("a") UP("b")
        UP("c") "  pool: {type: vllm, endpoints: ['http://127.0.0.1:9', 'http://127.0.0.1:10']}\n"
                "data_classes: {x: {training: no}}\n"
                "models:\n"
                "  m: {targets: [a/m, b/m], degraded: c/m, sticky: true}\n"
                "  tiers: {targets: [a/m, {target: b/m, tier: 2}], sticky: true}\n"
                "  dear: {targets: [a/cheap, b/dear], sticky: true}\n"
                "  dear-too: {targets: [a/half, b/dear], sticky: true}\n"
                "  cached: {targets: [a/half, b/cached], sticky: true}\n"
                "  loyal: {targets: [a/m, b/m], sticky: true, breaker: false}\n"
                "  walled: {targets: [a/m, b/m], sticky: true, data_class: x}\n"
                "  loose: {targets: [a/m, b/m]}\n"
                "  pooled: {targets: [pool/m]}\n";

#define ROW(model, rates)                                                                          \
    "  openai-compatible/" model ": {" rates ", source: s, date: 2026-01-01}\n"
static const char prices[] =
    "version: 1\nprices:\n" ROW("cheap", "input: 1, output: 1") ROW("half", "input: 5, output: 5")
        ROW("dear", "input: 9, output: 9") ROW("cached", "input: 9, cached: 1, output: 5");

struct bed {
    struct ev *ev;
    struct board *board;
    struct settings *settings;
    struct relay_env env;
    struct buf out;
};

static int set_up(void **state)
{
    static const char *const none[] = {NULL};
    struct bed *b = mem_zalloc(1, sizeof(*b));
    struct relay_sink sink = {0};
    struct err e;

    assert_non_null(b);
    b->settings = loaded(config, prices, none);
    assert_int_equal(ev_sim_new(&b->ev, 1, &e), 0);
    assert_int_equal(board_new(&b->board, &e), 0);
    ev_sim_run(b->ev, EV_S(1000));
    sink.seats = &b->board->seats;
    sink.endpoints = b->board;
    assert_int_equal(relay_env_init(&b->env, b->ev, b->settings, NULL, NULL, sink, &e), 0);
    buf_init(&b->out, 1U << 20);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    buf_fini(&b->out);
    relay_env_fini(&b->env);
    board_free(&b->board);
    ev_sim_free(&b->ev);
    settings_unref(&b->settings);
    mem_free(b);
    return 0;
}

/* The conversation of a request for `model`, whose body comes in pieces of n bytes. */
static uint64_t conversation(struct bed *b, const char *model, const char *field, const char *body,
                             size_t n)
{
    struct http_field fields[] = {{SPAN_LIT("x-lamplighter-conversation"), span_str(field)}};
    struct http_head h = {.method = SPAN_LIT("POST"),
                          .path = SPAN_LIT("/v1/chat/completions"),
                          .fields = fields,
                          .fields_n = field != NULL};
    struct span rest = span_str(body);
    struct relay r;
    struct err e;
    uint64_t ret;

    relay_init(&r, &b->env, &h);
    assert_int_equal(settings_resolve(&r.plan, b->settings, span_str(model)), 0);
    assert_int_equal(blob_new(&r.body, &b->env.blobs, 1U << 20, &e), 0);
    while (rest.n) {
        size_t piece = MIN(n, rest.n);

        assert_int_equal(blob_add(r.body, rest.p, piece, &e), 0);
        rest = span_of(rest.p + piece, rest.n - piece);
    }
    assert_int_equal(relay_find_conversation(&r, &e), 0);
    ret = r.conversation;
    relay_fini(&r);
    return ret;
}

#define SAYS(role, text) "{\"role\":\"" role "\",\"content\":\"" text "\"}"
#define PARTS(role, text)                                                                          \
    "{\"content\":[{\"type\":\"text\",\"text\":\"" text "\"}],\"role\":\"" role "\"}"
#define MARKED(role, text)                                                                         \
    "{\"content\":[{\"type\":\"text\",\"text\":\"" text                                            \
    "\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"role\":\"" role "\"}"
#define GEMINI(role, text) "{" role "\"parts\":[{\"text\":\"" text "\"}]}"

static const struct {
    const char *first, *second;
    bool one;
} pairs[] = {
    /* OpenAI's chat: the next turn repeats the first */
    {"{\"messages\":[" SAYS("system", "s") "," SAYS("user", "u") "]}",
     "{\"messages\":[" SAYS("system", "s") "," SAYS("user", "u") "," SAYS(
         "assistant", "a") "," SAYS("user", "v") "],\"stream\":true}",
     true},
    {"{\"messages\":[" SAYS("user", "u") "]}",
     "{\"messages\":[" SAYS("user", "u") "," SAYS("assistant", "a") "," SAYS("user", "v") "]}",
     true},
    {"{\"messages\":[" SAYS("user", "u") "]}", "{\"messages\":[" SAYS("user", "v") "]}", false},
    {"{\"messages\":[" SAYS("system", "s") "," SAYS("user", "u") "]}",
     "{\"messages\":[" SAYS("system", "t") "," SAYS("user", "u") "]}", false},
    {"{\"messages\":[" SAYS("developer", "s") "," SAYS("user", "u") "]}",
     "{\"messages\":[" SAYS("developer", "s") "," SAYS("user", "v") "]}", false},
    /* what the client says goes before */
    {"{\"prompt_cache_key\":\"k\",\"messages\":[" SAYS("user", "u") "]}",
     "{\"messages\":[" SAYS("user", "v") "],\"user\":\"x\",\"prompt_cache_key\":\"k\"}", true},
    {"{\"prompt_cache_key\":\"k\",\"messages\":[" SAYS("user", "u") "]}",
     "{\"prompt_cache_key\":\"l\",\"messages\":[" SAYS("user", "u") "]}", false},
    {"{\"user\":\"x\",\"messages\":[" SAYS("user", "u") "]}",
     "{\"user\":\"x\",\"messages\":[" SAYS("user", "v") "]}", true},
    {"{\"user\":\"\",\"messages\":[" SAYS("user", "u") "]}",
     "{\"user\":\"\",\"messages\":[" SAYS("user", "v") "]}", false},
    /* Anthropic's: the mark of what is to be kept wanders */
    {"{\"system\":[{\"type\":\"text\",\"text\":\"s\"}],\"messages\":[" MARKED("user", "u") "]}",
     "{\"messages\":[" PARTS("user", "u") "," PARTS("assistant", "a") "," MARKED(
         "user", "v") "],\"system\":[{\"type\":\"text\",\"text\":\"s\"}]}",
     false}, /* another order: two */
    {"{\"system\":\"s\",\"messages\":[" MARKED("user", "u") "]}",
     "{\"system\":\"s\",\"messages\":[" PARTS("user", "u") "," PARTS("assistant", "a") "," MARKED(
         "user", "v") "]}",
     true},
    {"{\"metadata\":{\"user_id\":\"x\"},\"messages\":[" SAYS("user", "u") "]}",
     "{\"metadata\":{\"user_id\":\"x\"},\"messages\":[" SAYS("user", "v") "]}", true},
    /* Responses */
    {"{\"instructions\":\"s\",\"input\":\"u\"}", "{\"instructions\":\"s\",\"input\":\"u\"}", true},
    {"{\"instructions\":\"s\",\"input\":\"u\"}", "{\"instructions\":\"t\",\"input\":\"u\"}", false},
    {"{\"input\":[" SAYS("user", "u") "]}",
     "{\"input\":[" SAYS("user", "u") ",{\"type\":\"function_call\",\"name\":\"f\"}," SAYS(
         "user", "v") "]}",
     true},
    /* Gemini's */
    {"{\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]},\"contents\":[" GEMINI("", "u") "]}",
     "{\"systemInstruction\":{\"parts\":[{\"text\":\"s\"}]},\"contents\":[" GEMINI(
         "", "u") "," GEMINI("\"role\":\"model\",", "a") "," GEMINI("\"role\":\"user\",", "v") "]}",
     true},
    {"{\"contents\":[" GEMINI("", "u") "]}", "{\"contents\":[" GEMINI("", "v") "]}", false},
};

static void a_conversation_is_known_by_how_it_begins(void **state)
{
    struct bed *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        uint64_t first = conversation(b, "m", NULL, pairs[i].first, SIZE_MAX);
        uint64_t second = conversation(b, "m", NULL, pairs[i].second, SIZE_MAX);

        if (!first || !second || (first == second) != pairs[i].one)
            fail_msg("pair %zu", i);
        assert_int_equal(conversation(b, "m", NULL, pairs[i].first, 1), first);
        assert_int_not_equal(conversation(b, "tiers", NULL, pairs[i].first, 1), first);
        assert_int_equal(conversation(b, "loose", NULL, pairs[i].first, 1), 0);
        /* the header goes before all */
        assert_int_equal(conversation(b, "m", "h", pairs[i].first, 1),
                         conversation(b, "m", "h", pairs[0].first, 1));
    }
    assert_int_not_equal(conversation(b, "m", "h", "{}", 1), conversation(b, "m", "i", "{}", 1));
    assert_int_equal(conversation(b, "m", NULL, "{}", 1), 0);
    assert_int_equal(conversation(b, "m", NULL, "{\"messages\":[7,[],{\"content\":7}]}", 1), 0);
}

/* As many texts as are looked at, and one more: that one makes no difference. */
static void its_beginning_has_a_bound(void **state)
{
    struct bed *b = *state;
    uint64_t at[3];

    for (size_t n = 31; n <= 33; n++) {
        struct buf body;

        buf_init(&body, 1U << 20);
        buf_add_str(&body, "{\"messages\":[");
        for (size_t i = 0; i < n; i++)
            buf_add_str(&body, SAYS("system", "s") ",");
        buf_add_str(&body, SAYS("user", "u") "]}");
        buf_add_char(&body, '\0');
        at[n - 31] = conversation(b, "m", NULL, body.p, 7);
        buf_fini(&body);
    }
    assert_int_not_equal(at[0], at[1]);
    assert_int_equal(at[1], at[2]);
}

/* Where the request would go, if its conversation were at target `seat` of the model. */
static bool goes(struct bed *b, const char *model, const char *seat, ev_us idle, const char *first)
{
    static const char body[] = "{\"messages\":[" SAYS("user", "hi") "]}";
    struct relay_question q = {.path = SPAN_LIT("/v1/chat/completions"),
                               .model = span_str(model),
                               .conversation = SPAN_LIT("c"),
                               .body = span_str(body)};
    struct settings_plan plan;
    char want[64];
    struct err e;

    assert_int_equal(settings_resolve(&plan, b->settings, q.model), 0);
    memset(b->board->seats.sets, 0, sizeof(b->board->seats.sets));
    for (size_t i = 0; plan.model && i < plan.model->targets_n; i++)
        if (span_is(plan.model->targets[i].id, seat)) {
            struct settings_way way = settings_way(&plan.model->targets[i], 0);

            seat_note(&b->board->seats, conversation(b, model, "c", body, 1),
                      seat_mark(settings_candidate(&way).target), ev_now(b->ev) - idle);
        }
    buf_reset(&b->out);
    assert_int_equal(relay_explain(&b->out, &q, b->ev, b->settings, b->board, 1, &e), 0);
    snprintf(want, sizeof(want), "\"targets\":[{\"target\":\"%s\",", first);
    return span_contains(buf_span(&b->out), span_str(want)) &&
           span_contains(buf_span(&b->out), SPAN_LIT("\"sits\":true")) ==
               (strcmp(seat, first) == 0 && strcmp(model, "loose") != 0);
}

static void it_goes_where_it_sits(void **state)
{
    static const struct {
        const char *model, *seat;
        ev_us idle;
        const char *first;
    } rows[] = {
        {"m", "", 0, "a/m"},
        {"m", "a/m", 0, "a/m"},
        {"m", "b/m", 0, "b/m"},
        {"m", "b/m", EV_S(296), "b/m"},
        {"m", "b/m", EV_S(300), "a/m"}, /* what it had read is forgotten */
        {"m", "c/m", 0, "a/m"},         /* nobody stays at a lesser one */
        {"tiers", "b/m", 0, "b/m"},
        {"tiers", "b/m", EV_S(300), "a/m"},
        {"dear", "b/dear", 0, "a/cheap"}, /* all anew is still cheaper */
        {"dear", "a/cheap", 0, "a/cheap"},
        {"dear-too", "b/dear", 0, "a/half"}, /* it gives nothing off for what it has read */
        {"cached", "b/cached", 0, "b/cached"},
        {"loose", "b/m", 0, "a/m"},
    };
    struct bed *b = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!goes(b, rows[i].model, rows[i].seat, rows[i].idle, rows[i].first))
            fail_msg("row %zu: %.*s", i, SPAN_FMT(buf_span(&b->out)));
}

/* How it begins is read for a pool's sake; it sits nowhere for that. */
static void who_is_not_sticky_sits_nowhere(void **state)
{
    static const char body[] = "{\"messages\":[" SAYS("user", "hi") "]}";

    assert_int_equal(conversation(*state, "pooled", NULL, body, 1), 0);
    assert_int_equal(conversation(*state, "pooled", "c", body, 1), 0);
    assert_int_not_equal(conversation(*state, "m", "c", body, 1), 0);
}

static void who_is_not_to_be_asked_is_left(void **state)
{
    struct bed *b = *state;
    struct settings_way way = settings_way(&b->settings->models[0].targets[1], 0);
    uint64_t id = settings_candidate(&way).target;

    board_set(&standing_find(b->board->standings, id, ev_now(b->ev))->not_before_us,
              ev_now(b->ev) + EV_S(10));
    assert_true(goes(b, "m", "b/m", 0, "a/m"));
    assert_true(goes(b, "loyal", "b/m", 0, "b/m")); /* nobody minds there */
    ev_sim_run(b->ev, ev_now(b->ev) + EV_S(11));
    assert_true(goes(b, "m", "b/m", 0, "b/m"));
    /* a wall is not moved by where a conversation was */
    assert_false(goes(b, "walled", "b/m", 0, "b/m"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_conversation_is_known_by_how_it_begins),
        TEST(its_beginning_has_a_bound),
        TEST(it_goes_where_it_sits),
        TEST(who_is_not_sticky_sits_nowhere),
        TEST(who_is_not_to_be_asked_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
