/* Goal: a request goes to the endpoint that has read its beginning before, unless that one is away
 * or has far more to do; what is known of engines moves no target that is not one. Method:
 * questions where a request would go (relay/explain.h), with engines on the board that stand in
 * every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "board/endpoints.h"
#include "ev/ev_sim.h"
#include "loaded.h"
#include "relay/explain.h"

#define URL(n)  "http://127.0.0.1:900" n
#define SAYS(s) "{\"messages\":[{\"role\":\"user\",\"content\":\"" s "\"}]}"
#define OF_USER(s)                                                                                 \
    "{\"user\":\"u\",\"metadata\":{\"user_id\":\"u\"},\"messages\":[{\"role\":\"user\","           \
    "\"content\":\"" s "\"}]}"
#define TURN(s)                                                                                    \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"" s                                           \
    "\"},{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"}]}"
#define ENGINES 3

static const char config[] =
    "version: 1\n"
    "providers:\n"
    "  pool: {type: vllm, endpoints: ['" URL("1") "', '" URL("2") "', '" URL(
        "3") "']}\n"
             "  mute: {type: vllm, poll: 0s, endpoints: ['" URL("1") "', '" URL("2") "', '" URL(
                 "3") "']}\n"
                      "  one: {type: sglang, endpoints: '" URL(
                          "4") "'}\n"
                               "  cloud: {type: openai-compatible, private: true, endpoints: "
                               "['" URL("5") "', '" URL(
                                   "6") "']}\n"
                                        "models:\n"
                                        "  m: {targets: [pool/m, cloud/m]}\n"
                                        "  fast: {targets: [pool/m], strategy: fastest}\n"
                                        "  one: {targets: [one/m, cloud/m]}\n"
                                        "  two: {targets: [cloud/m, pool/m]}\n"
                                        "defaults: {retry: {attempts: 9}}\n";

struct bed {
    struct ev *ev;
    struct board *board;
    struct settings *settings;
    struct buf out;
};

static int set_up(void **state)
{
    static const char *const none[] = {NULL};
    struct bed *b = mem_zalloc(1, sizeof(*b));
    struct err e;

    assert_non_null(b);
    b->settings = loaded(config, NULL, none);
    assert_int_equal(ev_sim_new(&b->ev, 1, &e), 0);
    assert_int_equal(board_new(&b->board, &e), 0);
    ev_sim_run(b->ev, EV_S(1000));
    buf_init(&b->out, 1U << 20);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    buf_fini(&b->out);
    board_free(&b->board);
    settings_unref(&b->settings);
    ev_sim_free(&b->ev);
    mem_free(b);
    return 0;
}

static uint64_t id_of(const struct bed *b, const char *provider, const char *url)
{
    for (size_t i = 0; i < b->settings->providers_n; i++)
        for (size_t k = 0; k < b->settings->providers[i].urls_n; k++)
            if (span_is(b->settings->providers[i].name, provider) &&
                span_is(b->settings->providers[i].urls[k].text, url))
                return b->settings->providers[i].urls[k].id;
    fail_msg("%s has no %s", provider, url);
    return 0;
}

/* What has been heard of an engine just now. waiting: besides one that runs. */
static void stands(struct bed *b, const char *provider, unsigned n, enum endpoint_state state,
                   uint64_t waiting)
{
    char url[32];
    struct board_endpoint *p;

    snprintf(url, sizeof(url), URL("%u"), n);
    p = endpoints_make(b->board, id_of(b, provider, url));
    board_set(&p->state, state);
    board_set(&p->seen_us, ev_now(b->ev));
    board_set(&p->stale_us, EV_S(1));
    board_set(&p->signals[SIGNAL_RUNNING], state == ENDPOINT_READY ? 1 : UINT64_MAX);
    board_set(&p->signals[SIGNAL_WAITING], state == ENDPOINT_READY ? waiting : UINT64_MAX);
}

static void all_ready(struct bed *b)
{
    for (unsigned n = 1; n <= ENGINES; n++)
        stands(b, "pool", n, ENDPOINT_READY, 0);
}

/* In which order, as "p2 p1 p3 c1 c2": the provider's first letter, the number of its endpoint. */
static const char *order(struct bed *b, const char *model, const char *body)
{
    static char ret[64];
    struct relay_question q = {
        .path = SPAN_LIT("/v1/chat/completions"), .model = span_str(model), .body = span_str(body)};
    const char *at;
    struct err e;

    ret[0] = '\0';
    buf_reset(&b->out);
    assert_int_equal(relay_explain(&b->out, &q, b->ev, b->settings, b->board, 1, &e), 0);
    buf_add_char(&b->out, '\0');
    for (at = b->out.p; (at = strstr(at, "{\"target\":\"")); at++) {
        const char *endpoint = strstr(at, "\"endpoint\":"),
                   *next = strstr(at + 1, "{\"target\":\"");
        bool has = endpoint && (!next || endpoint < next);

        snprintf(ret + strlen(ret), sizeof(ret) - strlen(ret), "%s%c%c", ret[0] ? " " : "", at[11],
                 has ? endpoint[11] : '1');
    }
    return ret;
}

static void a_beginning_has_its_endpoint(void **state)
{
    struct bed *b = *state;
    unsigned firsts[ENGINES + 1] = {0};
    char first[64], body[128];

    all_ready(b);
    snprintf(first, sizeof(first), "%s", order(b, "m", SAYS("hello")));
    assert_int_equal(strlen(first), strlen("p1 p2 p3 c1 c2"));
    assert_non_null(strstr(first, " c1 c2")); /* as written: it is no pool */
    for (int i = 0; i < 5; i++)
        assert_string_equal(order(b, "m", SAYS("hello")), first);
    for (int i = 0; i < 60; i++) {
        snprintf(body, sizeof(body), SAYS("%d"), i);
        firsts[order(b, "m", body)[1] - '0']++;
    }
    for (unsigned n = 1; n <= ENGINES; n++)
        assert_in_range(firsts[n], 8, 35);
    memset(firsts, 0, sizeof(firsts));
    for (int i = 0; i < 60; i++) { /* one user has many conversations */
        snprintf(body, sizeof(body), OF_USER("%d"), i);
        firsts[order(b, "m", body)[1] - '0']++;
    }
    for (unsigned n = 1; n <= ENGINES; n++)
        assert_in_range(firsts[n], 8, 35);
    for (int i = 0; i < 10; i++) { /* later turns of a conversation begin as it began */
        char turn[256];

        snprintf(body, sizeof(body), SAYS("%d"), i);
        snprintf(turn, sizeof(turn), TURN("%d"), i);
        snprintf(first, sizeof(first), "%s", order(b, "m", body));
        assert_string_equal(order(b, "m", turn), first);
    }
}

static void who_is_away_or_busy_is_left(void **state)
{
    static const struct {
        enum endpoint_state state;
        uint64_t waiting;
        const char *word;
        bool behind_all; /* other targets go before it, too */
    } rows[] = {
        {ENDPOINT_DOWN, 0, "down", true},       {ENDPOINT_DEAD, 0, "dead", true},
        {ENDPOINT_LOADING, 0, "loading", true}, {ENDPOINT_SLEEPING, 0, "sleeping", true},
        {ENDPOINT_HUNG, 0, "hung", true},       {ENDPOINT_RESTING, 0, "resting", false},
        {ENDPOINT_SILENT, 0, "silent", false},  {ENDPOINT_READY, 9, NULL, false},
    };
    struct bed *b = *state;
    char at_rest[64];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char before[64], want[32];
        const char *after;
        unsigned who;

        all_ready(b);
        snprintf(before, sizeof(before), "%s", order(b, "m", SAYS("hello")));
        who = (unsigned)(before[1] - '0');
        stands(b, "pool", who, rows[i].state, rows[i].waiting);
        after = order(b, "m", SAYS("hello"));
        /* the others keep their order */
        assert_memory_equal(after, before + 3, 5);
        assert_memory_equal(after + (rows[i].behind_all ? 12 : 6), before, 2);
        snprintf(want, sizeof(want), "\"engine\":\"%s\"", rows[i].word ? rows[i].word : "");
        assert_int_equal(strstr(b->out.p, want) != NULL, rows[i].word != NULL);
    }
    all_ready(b);
    snprintf(at_rest, sizeof(at_rest), "%s", order(b, "m", SAYS("hello")));
    stands(b, "pool", (unsigned)(at_rest[1] - '0'), ENDPOINT_DOWN, 0);
    ev_sim_run(b->ev, ev_now(b->ev) + EV_S(2)); /* that is old */
    assert_string_equal(order(b, "m", SAYS("hello")), at_rest);
}

static void what_is_no_pool_is_as_written(void **state)
{
    struct bed *b = *state;
    char unknown[64];

    snprintf(unknown, sizeof(unknown), "%s", order(b, "m", SAYS("hello")));
    all_ready(b);
    assert_string_equal(order(b, "m", SAYS("hello")), unknown); /* the hash needs no news */
    for (unsigned n = 1; n <= ENGINES; n++)
        stands(b, "mute", n, ENDPOINT_DOWN, 0);
    assert_string_equal(order(b, "mute/m", SAYS("hello")), "m1 m2 m3");
    stands(b, "one", 4, ENDPOINT_READY, 9);
    assert_string_equal(order(b, "one", SAYS("hello")), "o1 c1 c2");
    stands(b, "one", 4, ENDPOINT_DOWN, 0);
    assert_string_equal(order(b, "one", SAYS("hello")), "c1 c2 o1");
    all_ready(b);
    assert_memory_equal(order(b, "two", SAYS("hello")), "c1 c2 p",
                        7); /* targets as the plan says */
}

/* Without a model of its own, too; and where the fastest is wanted, what is known of speed decides.
 */
static void the_plan_says_more(void **state)
{
    struct bed *b = *state;
    char first[64], body[64];
    bool differ = false;

    all_ready(b);
    for (int i = 0; i < 20; i++) {
        snprintf(body, sizeof(body), SAYS("%d"), i);
        snprintf(first, sizeof(first), "%s", order(b, "pool/m", body));
        assert_string_equal(order(b, "pool/m", body), first);
        snprintf(first, sizeof(first), "%s", order(b, "fast", SAYS("hello")));
        differ |=
            strcmp(order(b, "fast", SAYS("hello")), first) != 0; /* by chance: nobody is known */
    }
    assert_true(differ);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_beginning_has_its_endpoint),
        TEST(who_is_away_or_busy_is_left),
        TEST(what_is_no_pool_is_as_written),
        TEST(the_plan_says_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
