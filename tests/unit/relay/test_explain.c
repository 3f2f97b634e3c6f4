/* Goal: where a request would go is told whole or not at all, without memory too; the board is as
 * before, whatever was asked; bodies of any kind are answers.
 * Method: questions to a board with known standings; every allocation failing once. */
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

#define ANSWER_MAX ((size_t)1024 * 1024)

static const char config[] =
    "version: 1\n"
    "providers:\n"
    "  a: {type: openai-compatible, endpoints: [\"http://127.0.0.1:9/v1\"], private: true}\n"
    "  b: {type: anthropic, endpoints: [\"http://127.0.0.1:8\"], private: true, key: env:KEY}\n"
    "  c: {type: openai-compatible, endpoints: [\"http://127.0.0.1:7/v1\"], private: true}\n"
    "models:\n"
    "  m: {targets: [a/m, b/m, c/m]}\n"
    "  one: {targets: [c/m]}\n";

struct bed {
    struct ev *ev;
    struct board *board;
    struct settings *settings;
    struct buf out;
};

static int set_up(void **state)
{
    static const char *const table[] = {"KEY=secret", NULL};
    struct bed *b = mem_zalloc(1, sizeof(*b));
    struct err e;

    assert_non_null(b);
    b->settings = loaded(config, NULL, table);
    assert_int_equal(ev_sim_new(&b->ev, 1, &e), 0);
    assert_int_equal(board_new(&b->board, &e), 0);
    ev_sim_run(b->ev, EV_S(1000));
    buf_init(&b->out, ANSWER_MAX);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    buf_fini(&b->out);
    board_free(&b->board);
    ev_sim_free(&b->ev);
    settings_unref(&b->settings);
    mem_free(b);
    return 0;
}

static int ask(struct bed *b, const char *model, const char *body, struct err *e)
{
    struct relay_question q = {
        .path = SPAN_LIT("/v1/chat/completions"), .model = span_str(model), .body = span_str(body)};

    buf_reset(&b->out);
    return relay_explain(&b->out, &q, b->ev, b->settings, b->board, 1, e);
}

static bool says(const struct bed *b, const char *text)
{
    return span_contains(buf_span(&b->out), span_str(text));
}

/* The target's first way. */
static struct board_standing *standing_of(struct bed *b, size_t i)
{
    const struct settings_model *m = &b->settings->models[0];
    struct settings_way way = settings_way(&m->targets[i], 0);

    return standing_find(b->board->standings, settings_candidate(&way).target, ev_now(b->ev));
}

#define HELLO "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

static void the_board_is_as_before(void **state)
{
    struct bed *b = *state;
    struct board_standing *before = standing_new();
    size_t size = (BOARD_STANDINGS + 1) * sizeof(*before);
    struct err e;

    assert_non_null(before);
    board_set(&standing_of(b, 0)->not_before_us, ev_now(b->ev) + EV_S(12));
    for (size_t i = 1; i < 3; i++)
        UNUSED(standing_of(b, i));
    memcpy(before, b->board->standings, size);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(b, "m", HELLO, &e), 0);
        assert_true(says(b,
                         "\"target\":\"a/m\",\"provider\":\"openai-compatible\",\"server\":"
                         "\"127.0.0.1\",\"asked\":false,\"reason\":\"left-alone\",\"for_s\":12"));
        assert_true(says(b, "\"target\":\"b/m\",\"provider\":\"anthropic\",\"server\":"
                            "\"127.0.0.1\",\"asked\":true,\"turn\":1,"));
    }
    assert_memory_equal(b->board->standings, before, size);
    standing_free(&before);
}

static void every_failed_allocation_is_survived(void **state)
{
    struct bed *b = *state;
    struct err e = {0};
    bool hit = true;

    for (size_t at = 1; hit; at++) {
        int rc;

        buf_fini(&b->out);
        mem_torture(at, false);
        rc = ask(b, "m", HELLO, &e);
        hit = mem_torture_hit();
        mem_torture(0, false);
        if (rc == 0 && buf_ok(&b->out))
            assert_int_equal(json_scan_all(NULL, buf_span(&b->out), NULL, NULL), JSON_SCAN_DONE);
        assert_true(rc == 0 || e.code == ERR_NOMEM);
        assert_true(at < 1000);
    }
    assert_true(says(b, "\"turn\":3"));
}

static void any_body_is_an_answer(void **state)
{
    static const struct {
        const char *body, *says;
    } rows[] = {
        {"", "\"reason\":\"bad-request\""},
        {"{}", "\"turn\":1"}, /* a target of its dialect is to judge it */
        {" \n{ }", "\"turn\":1"},
        {"[]", "\"reason\":\"bad-request\""},
        {"{", "\"reason\":\"bad-request\""},
        {"7", "\"reason\":\"bad-request\""},
        {"{\"model\":7}", "\"reason\":\"bad-request\""},
        {"{\"model\":\"other\",\"x\":1}", "\"turn\":1"}, /* the question's counts */
        {"{\"x\":{\"model\":1}}", "\"turn\":1"},
        {"{\"messages\":[],\"stream\":true}", "\"turn\":1"},
    };
    struct bed *b = *state;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(ask(b, "one", rows[i].body, &e), 0);
        if (!says(b, rows[i].says))
            fail_msg("%s: %.*s", rows[i].body, SPAN_FMT(buf_span(&b->out)));
        assert_int_equal(json_scan_all(NULL, buf_span(&b->out), NULL, NULL), JSON_SCAN_DONE);
    }
}

static void a_name_of_any_length_is_an_answer(void **state)
{
    struct bed *b = *state;
    char name[300];
    struct err e;

    for (size_t n = 0; n < sizeof(name); n += 1 + n / 2) {
        memset(name, '"', n);
        name[n] = '\0';
        assert_int_equal(ask(b, name, HELLO, &e), 0);
        assert_true(says(b, "\"refused\":{"));
        assert_int_equal(json_scan_all(NULL, buf_span(&b->out), NULL, NULL), JSON_SCAN_DONE);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_board_is_as_before),
        TEST(every_failed_allocation_is_survived),
        TEST(any_body_is_an_answer),
        TEST(a_name_of_any_length_is_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
