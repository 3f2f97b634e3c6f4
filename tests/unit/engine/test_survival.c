/* Goal: people hear when a pool would not survive a loss, and when it would again: once, of what
 * has held for a while, and of no pool that has nothing to promise. Method: a board whose words
 * change in virtual time. */
#include "call/world.h"

#include "board/endpoints.h"
#include "board/loads.h"
#include "engine/survival.h"

#define POOL                                                                                       \
    "version: 1\nproviders:\n  p: {type: vllm, endpoints: [\"http://127.0.0.1:9001\", {url: "      \
    "\"http://127.0.0.1:9002\", domain: rack-2}]}\n"
#define ONE                                                                                        \
    "version: 1\nproviders:\n  p: {type: vllm, endpoints: [{url: \"http://127.0.0.1:9001\", "      \
    "domain: a}, {url: \"http://127.0.0.1:9002\", domain: a}]}\n"

struct bed {
    struct world w;
    struct board *board;
    struct settings *settings;
    struct survival *s;
    char said[2048];
};

static void on_say(void *arg, const char *line)
{
    struct bed *b = arg;
    size_t n = strlen(b->said);

    snprintf(b->said + n, sizeof(b->said) - n, "%s\n", line);
}

static void use(struct bed *b, const char *text)
{
    settings_unref(&b->settings);
    b->settings = world_settings(&b->w, text);
    survival_use(b->s, b->settings);
}

static struct board_endpoint *place(struct bed *b, size_t i)
{
    return endpoints_make(b->board, b->settings->providers[0].urls[i].id);
}

static int set_up(void **state)
{
    struct bed *b = calloc(1, sizeof(*b));
    struct survival_conf conf = {.workers = 1, .say = on_say, .arg = b};
    struct err e;

    assert_non_null(b);
    world_open(&b->w, (const char *[]){NULL});
    assert_int_equal(board_new(&b->board, &e), 0);
    conf.ev = b->w.ev;
    conf.board = b->board;
    assert_int_equal(survival_new(&b->s, &conf, &e), 0);
    use(b, POOL);
    for (size_t i = 0; i < 2; i++) {
        struct board_endpoint *p = place(b, i);

        board_set(&p->state, ENDPOINT_READY);
        board_set(&p->seen_us, 1);
        board_set(&p->stale_us, EV_S(100000));
        board_set(&p->signals[SIGNAL_KV_TOKENS], 1000);
    }
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    survival_free(&b->s);
    survival_free(&b->s);
    settings_unref(&b->settings);
    board_free(&b->board);
    world_close(&b->w);
    free(b);
    return 0;
}

/* Its sessions come to so many tokens. */
static void holds(struct bed *b, size_t i, uint64_t tokens)
{
    struct board_load *row = &b->board->loads[0][place(b, i) - b->board->endpoints];

    board_set(&row->tokens, tokens);
}

static void says(struct bed *b, const char *lines)
{
    assert_string_equal(b->said, lines);
    b->said[0] = '\0';
}

static void it_is_told_once(void **state)
{
    struct bed *b = *state;

    world_run(&b->w, EV_S(60));
    says(b, ""); /* that all is well is no news */
    holds(b, 1, 960);
    world_run(&b->w, EV_S(4));
    says(b, "");
    world_run(&b->w, EV_S(60));
    says(b, "pool p would not survive the loss of rack-2: its sessions are 10 tokens more than the "
            "rest has room for\n");
    holds(b, 1, 900);
    world_run(&b->w, EV_S(60));
    says(b, "pool p would survive the loss of any one failure domain\n");
    board_set(&place(b, 1)->state, ENDPOINT_DOWN); /* one is left */
    world_run(&b->w, EV_S(60));
    says(b, "pool p is down to one failure domain: nobody would hold its sessions\n");
    board_set(&place(b, 1)->state, ENDPOINT_READY);
    world_run(&b->w, EV_S(60));
    says(b, "pool p would survive the loss of any one failure domain\n");
    board_set(&place(b, 0)->signals[SIGNAL_KV_TOKENS], SIGNAL_UNKNOWN);
    world_run(&b->w, EV_S(60));
    says(b, "pool p: of an engine that serves it is not known what it holds\n");
}

static void what_comes_and_goes_is_not_told(void **state)
{
    struct bed *b = *state;

    for (int i = 0; i < 100; i++) {
        holds(b, 0, i % 2 ? 960 : 0);
        world_run(&b->w, EV_S(3));
    }
    says(b, "");
    holds(b, 0, 960);
    world_run(&b->w, EV_S(10));
    says(b,
         "pool p would not survive the loss of http://127.0.0.1:9001: its sessions are 10 tokens "
         "more than the rest has room for\n");
}

/* In every second when nothing is promised, and when only one is left to serve. */
static void nothing_is_said_of_one_domain(void **state)
{
    struct bed *b = *state;

    use(b, ONE);
    holds(b, 0, 960);
    board_set(&place(b, 0)->signals[SIGNAL_KV_TOKENS], SIGNAL_UNKNOWN);
    world_run(&b->w, EV_S(60));
    says(b, "");
}

static void a_new_configuration_tells_nothing_twice(void **state)
{
    struct bed *b = *state;

    holds(b, 1, 960);
    world_run(&b->w, EV_S(60));
    assert_true(b->said[0]);
    b->said[0] = '\0';
    for (int i = 0; i < 5; i++) {
        use(b, POOL);
        world_run(&b->w, EV_S(10));
    }
    says(b, "");
    use(b, "version: 1\nproviders: {}\n");
    world_run(&b->w, EV_S(10));
    says(b, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_told_once),
        TEST(what_comes_and_goes_is_not_told),
        TEST(nothing_is_said_of_one_domain),
        TEST(a_new_configuration_tells_nothing_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
