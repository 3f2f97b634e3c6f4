/* Goal: whatever targets do, and whenever, a client gets one answer, whole or honestly broken, and
 * nothing of one attempt is in another.
 * Method: requests drawn by seeds, of three dialects, to targets of two. */
#include "ups.h"

#define SPEAKS(name, type, port, more)                                                             \
    "  " name ": {type: " type ", endpoints: ['http://127.0.0.1:" port "'], private: true, " more  \
    "timeout: {first_token: 5s, idle: 5s, total: 60s}}\n"
#define MIXED                                                                                      \
    "version: 1\ndefaults: {retry: {attempts: 9}}\nproviders:\n" SPEAKS("a", "tgi", "9000", "")    \
        SPEAKS("b", "anthropic", "9100", "key: 'env:K', ")                                         \
            SPEAKS("c", "tgi", "9200", "") "models:\n  m0: {targets: [a/small, b/large, c/m0]}\n"  \
                                           "  m1: {targets: [b/large, a/small, c/m1]}\n"

/* Clients of three dialects: what they ask, what begins their answer and what ends it. */
static const struct life {
    const char *path, *more, *begins, *ends;
} lives[] = {
    {"/v1/chat/completions",
     "\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]",
     "\"role\":", "\"finish_reason\":\"stop\""},
    {"/v1/messages",
     "\"stream\":true,\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]",
     "event: message_start", "event: message_stop"},
    {"/v1/responses", "\"stream\":true,\"input\":\"hi\"", "event: response.created",
     "event: response.completed"},
};

static unsigned count(struct span in, const char *what)
{
    unsigned n = 0;

    for (const char *at = in.p;
         in.n && (at = memmem(at, in.n - (size_t)(at - in.p), what, strlen(what))) != NULL; at++)
        n++;
    return n;
}

/* An answer of its dialect, or its beginning, or one of the gateway's own errors; with a rest
 * anywhere, most of them about where the head goes alone. */
static void draw_script(struct twin *t, size_t i, struct rng *r)
{
    static const char *const errors[] = {REFUSAL("500 No", ""),
                                         REFUSAL("503 No", "retry-after: 1\r\n"),
                                         REFUSAL("429 No", ""), WHOLE_HEAD, STREAM_HEAD};
    struct twin_script s = kind_script(&kinds[i == 1]);

    if (rng_chance(r, .3))
        s.cut_at = rng_below(r, s.body.n);
    s.end = (enum twin_end)rng_below(r, 4);
    if (rng_chance(r, .3)) {
        s.head = span_str(errors[rng_below(r, ARRAY_LEN(errors))]);
        s.body = span_eq(s.head, SPAN_LIT(STREAM_HEAD)) ? SPAN_LIT("data: " ERROR "\n\n")
                                                        : SPAN_LIT(ERROR);
    }
    s.gap_max = EV_MS(rng_below(r, 300));
    if (rng_chance(r, .5)) {
        s.rest_at = 1 + rng_below(r, s.body.n);
        s.rest_us = EV_MS(1000 + rng_below(r, 1000));
    }
    t->ups[i].script = s;
    if (rng_chance(r, .1))
        twin_refuse(t, i);
    else
        twin_listen(t, i);
}

static void check_life(uint64_t seed, const struct life *l, const struct twin *t,
                       const struct twin_client *c)
{
    struct buf body;
    unsigned status;
    bool clean;

    buf_init(&body, 65536);
    clean = twin_parse(buf_span(&c->in), &status, &body);
    if (t->records != 1)
        fail_msg("seed %llu: %u records", (unsigned long long)seed, t->records);
    if (!c->closed_at && status == 200 && clean != (count(buf_span(&body), l->ends) == 1))
        fail_msg("seed %llu: clean %d: %.*s", (unsigned long long)seed, clean,
                 SPAN_FMT(buf_span(&c->in)));
    if (count(buf_span(&body), l->begins) > 1)
        fail_msg("seed %llu: two answers: %.*s", (unsigned long long)seed,
                 SPAN_FMT(buf_span(&c->in)));
    if (!c->closed_at && !(status == 200 && clean) && !count(buf_span(&body), "\"error\""))
        fail_msg("seed %llu: no error: %.*s", (unsigned long long)seed, SPAN_FMT(buf_span(&c->in)));
    buf_fini(&body);
}

/* It was saved by a target that calls the model as the client does, and the others do not: the
 * request is as it came, and so is what the target says. */
static void check_saved(uint64_t seed, const struct life *l, const struct twin *t,
                        const struct twin_client *c)
{
    char model[32];

    UNUSED(snprintf(model, sizeof(model), "m%llu", (unsigned long long)(seed & 1)));
    if (t->record.status != 200 || !t->ups[TWIN_UPS - 1].requests)
        return;
    if (strcmp(t->ups[TWIN_UPS - 1].model, model) != 0)
        fail_msg("seed %llu: it was asked for %s", (unsigned long long)seed, t->ups[2].model);
    if (l == &lives[0] && !count(buf_span(&c->in), "\"model\":\"small\""))
        fail_msg("seed %llu: renamed: %.*s", (unsigned long long)seed, SPAN_FMT(buf_span(&c->in)));
}

/* Clients of several dialects, targets of two, whatever they do and whenever; some clients leave,
 * and some meet the end of a drain. */
static void drawn_lives(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        const struct life *l = &lives[seed % ARRAY_LEN(lives)];
        struct twin_client c = {0};
        char text[512];
        struct buf request;
        bool saved = seed % 5 == 0;
        struct rng draw;
        struct twin t;
        ev_us limit;

        rng_init(&draw, seed);
        buf_init(&request, 65536);
        twin_open_env(&t, seed, MIXED, (const char *[]){"K=sk-of-the-test", NULL});
        for (size_t i = 0; i < TWIN_UPS; i++)
            draw_script(&t, i, &draw);
        if (saved)
            ups_set(&t, TWIN_UPS - 1, &up_good); /* whoever is left has somebody to be saved by */
        UNUSED(snprintf(text, sizeof(text), "{\"model\":\"m%llu\",%s}",
                        (unsigned long long)(seed & 1), l->more));
        limit = rng_chance(&draw, .7) ? EV_S(60) : EV_MS(10 + rng_below(&draw, 8000));
        twin_ask(&t, &c, kind_request(&request, l->path, text), limit);
        if (!c.closed && limit < EV_S(60) && rng_chance(&draw, .5))
            twin_leave(&c, NET_END_RESET);
        else if (limit < EV_S(60))
            relay_end_all(&t.gateway.relay, REASON_DRAINING);
        ups_pass(&t, EV_S(5));
        check_life(seed, l, &t, &c);
        if (saved && limit == EV_S(60) && t.record.status != 200)
            fail_msg("seed %llu: %s", (unsigned long long)seed, t.record.text);
        if (saved && limit == EV_S(60))
            check_saved(seed, l, &t, &c);
        twin_client_fini(&c);
        twin_close(&t);
        buf_fini(&request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawn_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
