/* Goal: wherever a stream breaks off, and however, the client reads one text, once, or is told that
 * it broke; whether the next target takes a beginning, is asked in words, asked afresh, or not at
 * all. Method: an upstream in virtual time that is cut, reset, silent or wrong at every byte, or
 * says an error behind every event, and another one of each kind; the client's text is read back.
 */
#include "ups.h"

#define SAYS_ALL ROLE WORD(HEAD_TEXT) WORD(TAIL_TEXT) END
#define FAILURE  "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n"

#define VLLM(name, port)                                                                           \
    "  " name ": {type: vllm, endpoints: ['http://127.0.0.1:" port                                 \
    "'], timeout: {connect: 1s, first_token: 2s, idle: 2s, total: 60s}}\n"

/* Who goes on, and what he says. */
static const struct way {
    const char *name, *target, *rule;
    const char *says;
    const char *adds; /* to what was told; NULL: he says all of it himself */
    const char *how;  /* as the mark says; NULL: nobody goes on */
} ways[] = {
    {"by a beginning", "b/m", "family", REST, TAIL_TEXT, ""},
    {"in words", "c/n", "instruct", REST, TAIL_TEXT, ",\"how\":\"instruct\""},
    {"afresh", "c/n", "replay", SAYS_ALL, NULL, ",\"how\":\"replay\""},
    {"who takes no beginning", "c/m", "family", REST, TAIL_TEXT, NULL},
};

static void read_text(struct span body, struct buf *text)
{
    static const char key[] = "\"content\":\"";
    const char *p = body.p, *end = p + body.n;

    while ((p = memmem(p, (size_t)(end - p), key, sizeof(key) - 1)) != NULL)
        for (p += sizeof(key) - 1; p < end && *p != '"'; p++)
            buf_add_char(text, *p);
}

static void check(const struct way *w, const struct twin *t, const struct ups_got *g, size_t cut)
{
    struct buf text;
    size_t told;
    char mark[64];

    buf_init(&text, 65536);
    read_text(buf_span(&g->body), &text);
    if (g->clean) { /* all of it, of whomever */
        told = w->adds ? text.n - MIN(text.n, strlen(w->adds)) : 0;
        if (w->adds ? !span_ends(buf_span(&text), span_str(w->adds)) ||
                          !span_starts(SPAN_LIT(HEAD_TEXT), span_of(text.p, told))
                    : !span_is(buf_span(&text), HEAD_TEXT TAIL_TEXT))
            fail_msg("%s, cut at %zu: '%.*s'", w->name, cut, SPAN_FMT(buf_span(&text)));
        assert_true(ups_said(g, "data: [DONE]\n\n") && !ups_said(g, "\"error\""));
        assert_true(t->record.outcome == OUTCOME_EQUIVALENT ||
                    (w->how && t->record.outcome == OUTCOME_JOINED));
        if (w->adds && w->how && told) {
            UNUSED(snprintf(mark, sizeof(mark), "%s\",\"at\":%zu%s}", w->target, told, w->how));
            assert_true(ups_said(g, mark));
        }
    } else {
        if (w->how || !ups_said(g, "\"error\"") || ups_said(g, "[DONE]") ||
            !span_starts(SPAN_LIT(HEAD_TEXT), buf_span(&text)))
            fail_msg("%s, cut at %zu: %.*s", w->name, cut, SPAN_FMT(buf_span(&g->body)));
        assert_int_equal(t->record.outcome, OUTCOME_FAILED);
    }
    buf_fini(&text);
}

static void ask(const struct way *w, const char *body, size_t cut, enum twin_end end)
{
    const struct up a = {ANSWERS, STREAM_HEAD, body, cut, end};
    const struct up other = {ANSWERS, STREAM_HEAD, w->says, 0, TWIN_WHOLE};
    char conf[1024];
    struct twin t;
    struct ups_got g;

    UNUSED(snprintf(
        conf, sizeof(conf),
        "version: 1\nproviders:\n" VLLM("a", "9000") VLLM("b", "9100") UP(
            "c",
            "9200") "models:\n  m: {targets: [a/m, %s], retry: {same_target: 0}, continue: %s}\n",
        w->target, w->rule));
    twin_open(&t, 1, conf);
    ups_set(&t, 0, &a);
    ups_set(&t, 1, &other);
    ups_set(&t, 2, &other);
    ups_ask(&t, &g, STREAM, EV_S(40));
    check(w, &t, &g, cut);
    buf_fini(&g.body);
    twin_close(&t);
}

static void cut_at_every_byte(void **state)
{
    static const enum twin_end ends[] = {TWIN_FIN, TWIN_RESET, TWIN_SILENT};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        for (size_t cut = 1; cut < sizeof(BEGIN); cut++)
            ask(&ways[i], BEGIN, cut, ends[(cut + i) % ARRAY_LEN(ends)]);
}

/* An error of the target's own, and junk, behind every event. */
static void wrong_behind_every_event(void **state)
{
    static const char *const wrong[] = {FAILURE, "data: {\"choices\":[{\"ind\n\n",
                                        "data: nothing\n\n"};

    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(ways) * ARRAY_LEN(wrong); i++) {
        const char *begin = BEGIN;

        for (const char *at = begin; (at = strstr(at, "\n\n")) != NULL;) {
            char body[2048];

            at += 2;
            UNUSED(snprintf(body, sizeof(body), "%.*s%s", (int)(at - begin), begin,
                            wrong[i % ARRAY_LEN(wrong)]));
            ask(&ways[i / ARRAY_LEN(wrong)], body, 0, TWIN_FIN);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(wrong_behind_every_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
