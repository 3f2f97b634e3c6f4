/*
 * Goal: generated answers reach a client of any dialect and still say all that it can be told:
 * texts, thinking, calls, refusals, how likely each token was, the end, what it took.
 * Method: a seed draws the events of an answer, with calls that are told at once, deltas of any
 * length, and several choices. They are written in dialect A, streamed or whole, and read again as
 * A; then A's bytes are translated to each dialect B and read as B. Each reading is compared with
 * the one before it by what B carries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../conformance/alike.h"
#include "../../conformance/heard.h"
#include "../../conformance/plain.h"
#include "base/rng.h"
#include "dialect/translate.h"

#define MEGA       ((size_t)1024 * 1024)
#define SEEDS      400
#define EVENTS_MAX 4096
#define PARTS_MAX  12

static struct rng rng;

static bool chance(double p)
{
    return rng_chance(&rng, p);
}

/* ---- drawing ---- */

/* An answer as it is told. */
struct drawn {
    struct arena arena;
    struct chat_event events[EVENTS_MAX];
    size_t n;
    uint32_t choices;
};

static struct chat_event *add(struct drawn *d, struct chat_event ev)
{
    assert_true(d->n < EVENTS_MAX);
    d->events[d->n] = ev;
    return &d->events[d->n++];
}

/* Bytes of UTF-8, and surrogates that stand alone, as the reader of JSON has them. */
static struct span draw_text(struct drawn *d)
{
    static const char *const pieces[] = {
        "word",       " and ",        "\\n\\t",           "\\\"quoted\\\"", "\\\\ \\/",
        "\\u00e9",    "\xC3\xA9",     "\xF0\x9F\x98\x80", "\\ud83d\\ude00", "\\ud800",
        "\\udc00x",   "\\u2028",      "</script>",        "\\u0000",        "[DONE]",
        "{\\\"a\\\"", "data: \\n\\n", "\\r\\nevent: x",
    };
    uint64_t n = chance(0.05) ? 200 : rng_below(&rng, 6);
    struct json_tree t = {0};
    struct span ret;
    struct buf b;
    struct err e;

    buf_init(&b, MEGA);
    buf_add_str(&b, "[\"t");
    for (uint64_t i = 0; i < n; i++)
        buf_add_str(&b, pieces[rng_below(&rng, ARRAY_LEN(pieces))]);
    buf_add_str(&b, "\"]");
    assert_int_equal(json_tree_read(&t, buf_span(&b), &e), 0);
    ret = arena_dup(&d->arena, json_text(yyjson_arr_get_first(t.root)));
    json_tree_fini(&t);
    buf_fini(&b);
    return ret;
}

/* As many bytes as begin with a whole character each. */
static size_t draw_cut(struct span s)
{
    size_t n = 1 + (size_t)rng_below(&rng, chance(0.5) ? 8 : s.n);

    n = MIN(n, s.n);
    while (n < s.n && ((unsigned char)s.p[n] & 0xC0) == 0x80)
        n++;
    return n;
}

/* A part of the answer, and what of it has not been told yet. */
struct part {
    struct chat_event ev;
    struct span rest;
};

static void tell_piece(struct drawn *d, struct part *p)
{
    size_t n = draw_cut(p->rest);
    struct chat_event ev = p->ev;

    ev.kind = CHAT_EVENT_DELTA;
    ev.text = span_of(p->rest.p, n);
    add(d, ev);
    p->rest = span_of(p->rest.p + n, p->rest.n - n);
}

static void end_part(struct drawn *d, const struct part *p)
{
    struct chat_event ev = p->ev;

    ev.kind = CHAT_EVENT_PART_END;
    add(d, ev);
}

static void tell_part(struct drawn *d, struct part *p)
{
    add(d, p->ev);
    while (p->rest.n)
        tell_piece(d, p);
}

static struct part begin(uint32_t choice, uint32_t index, enum chat_kind kind, struct span text)
{
    return (struct part){{.kind = CHAT_EVENT_PART, .choice = choice, .index = index, .part = kind},
                         text};
}

static void draw_thinking(struct drawn *d, const struct convert *a, uint32_t choice, uint32_t index)
{
    struct part p = begin(choice, index, CHAT_PART_THINKING, draw_text(d));
    struct chat_event sign = p.ev;

    tell_part(d, &p);
    if (a->signer != CHAT_SIGNER_NONE && chance(0.6)) {
        sign.kind = CHAT_EVENT_SIGN;
        sign.signature = SPAN_LIT("c2lnbmVk");
        sign.signer = a->signer;
        add(d, sign);
    }
    end_part(d, &p);
}

static void draw_logprobs(struct drawn *d, const struct part *p)
{
    struct chat_event ev = p->ev;

    ev.kind = CHAT_EVENT_LOGPROBS;
    ev.text = SPAN_LIT("{\"token\":\"t\",\"logprob\":-0.50,\"bytes\":[116],\"top_logprobs\":[{"
                       "\"token\":\"u\",\"logprob\":-1.25,\"bytes\":[117]}]}");
    add(d, ev);
}

static void draw_saying(struct drawn *d, uint32_t choice, uint32_t index, enum chat_kind kind)
{
    struct part p = begin(choice, index, kind, draw_text(d));

    tell_part(d, &p);
    if (kind == CHAT_PART_TEXT && chance(0.2))
        draw_logprobs(d, &p);
    end_part(d, &p);
}

/* One after the other, or all at once. */
static void draw_calls(struct drawn *d, uint32_t choice, uint32_t index, uint32_t n)
{
    static const struct span args[] = {
        SPAN_LIT("{}"),
        SPAN_LIT("{\"z\":9007199254740993,\"y\":1.50,\"a\":\"\xC3\xA9\\n\"}"),
        SPAN_LIT("{\"list\":[{\"b\":null},[]],\"\":{\"e\":1e-7}}"),
    };
    bool at_once = chance(0.3);
    struct part p[PARTS_MAX];
    size_t left = 0;

    for (uint32_t i = 0; i < n; i++) {
        p[i] =
            begin(choice, index + i, CHAT_PART_TOOL_CALL, args[rng_below(&rng, ARRAY_LEN(args))]);
        p[i].ev.id = arena_printf(&d->arena, "call_%u_%u", choice, i);
        p[i].ev.name = arena_printf(&d->arena, "f_%u", (unsigned)rng_below(&rng, 3));
        if (at_once) {
            add(d, p[i].ev);
            left += p[i].rest.n;
            continue;
        }
        tell_part(d, &p[i]);
        end_part(d, &p[i]);
    }
    while (left) {
        struct part *one = &p[rng_below(&rng, n)];
        size_t before = one->rest.n;

        if (before)
            tell_piece(d, one);
        left -= before - one->rest.n;
    }
    for (uint32_t i = 0; i < n && at_once; i++)
        end_part(d, &p[i]);
}

static void draw_end(struct drawn *d, uint32_t choice, bool refused, bool called)
{
    static const enum chat_stop stops[] = {CHAT_STOP_END, CHAT_STOP_END, CHAT_STOP_LENGTH,
                                           CHAT_STOP_TEXT, CHAT_STOP_FILTER};
    struct chat_event ev = {.kind = CHAT_EVENT_FINISH, .choice = choice};

    ev.stop = refused  ? CHAT_STOP_REFUSAL
              : called ? CHAT_STOP_TOOL
                       : stops[rng_below(&rng, ARRAY_LEN(stops))];
    if (ev.stop == CHAT_STOP_TEXT)
        ev.stop_text = SPAN_LIT("\n\nstop");
    add(d, ev);
}

/* Thinks, speaks, calls; or refuses. */
static void draw_choice(struct drawn *d, const struct convert *a, uint32_t choice)
{
    bool refuses = chance(0.1);
    uint32_t calls = refuses || chance(0.5) ? 0 : 1 + (uint32_t)rng_below(&rng, 3), index = 0;

    if (chance(0.4))
        draw_thinking(d, a, choice, index++);
    if (refuses)
        draw_saying(d, choice, index++, CHAT_PART_REFUSAL);
    else if (!calls || chance(0.5))
        draw_saying(d, choice, index++, CHAT_PART_TEXT);
    if (calls)
        draw_calls(d, choice, index, calls);
    draw_end(d, choice, refuses, calls);
}

static void draw(struct drawn *d, const struct convert *a, uint64_t seed)
{
    struct chat_event usage = {.kind = CHAT_EVENT_USAGE};

    *d = (struct drawn){0};
    arena_init(&d->arena, 64 * MEGA);
    rng_init(&rng, seed);
    d->choices = a->loss[CHAT_HAS_CHOICES].loss == CARRIED && chance(0.15) ? 2 : 1;
    add(d, (struct chat_event){.kind = CHAT_EVENT_START,
                               .id = SPAN_LIT("id_1"),
                               .model = SPAN_LIT("m"),
                               .created = 1700000000});
    for (uint32_t i = 0; i < d->choices; i++)
        draw_choice(d, a, i);
    usage.usage = (struct chat_usage){.input = 100 + rng_below(&rng, 1000),
                                      .output = 50 + rng_below(&rng, 1000),
                                      .cache_read = rng_below(&rng, 50),
                                      .reasoning = rng_below(&rng, 50),
                                      .seen = true};
    add(d, usage);
}

/* ---- saying ---- */

static int collected(struct chat_collect *c, const struct chat_event *ev)
{
    struct chat_sink to = chat_collect_sink(c);
    struct err e;

    return to.event(to.arg, ev, &e);
}

/* What a target of dialect a says of it. */
static void say(struct buf *out, const struct convert *a, const struct drawn *d, bool stream)
{
    struct arena arena;
    struct chat_request q = {.stream_usage = true};
    struct convert_writer w = {.c = a,
                               .arena = &arena,
                               .out = out,
                               .request = &q,
                               .model = SPAN_LIT("m"),
                               .id = SPAN_LIT("id_1"),
                               .created = 1700000000};
    struct chat_collect *c = NULL;
    struct err e;

    arena_init(&arena, 64 * MEGA);
    buf_init(out, 64 * MEGA);
    q.arena = &arena;
    w.own = arena_zalloc(&arena, a->writer_bytes);
    assert_int_equal(chat_collect_new(&c, 64 * MEGA, &e), 0);
    for (size_t i = 0; i < d->n; i++)
        assert_int_equal(
            stream ? a->write_event(&w, &d->events[i], &e) : collected(c, &d->events[i]), 0);
    assert_int_equal(stream ? a->end(&w, &e) : a->write_answer(&w, chat_collect_answer(c), &e), 0);
    assert_true(buf_ok(out));
    chat_collect_free(&c);
    arena_fini(&arena);
}

struct translating {
    struct translate *t;
    struct buf out;
};

static int translate_raw(void *arg, struct span raw, struct err *e)
{
    struct translating *x = arg;

    return translate_event(x->t, raw, &x->out, e);
}

/* What a client of dialect b gets of it. */
static void pass_on(struct translating *x, const struct convert *a, const struct convert *b,
                    struct span text, bool stream)
{
    struct translate_conf conf = {.client = b,
                                  .target = a,
                                  .model = SPAN_LIT("m"),
                                  .id = SPAN_LIT("r_1"),
                                  .created = 1,
                                  .answer_max = 64 * MEGA};
    struct err e;
    int rc;

    *x = (struct translating){0};
    buf_init(&x->out, 64 * MEGA);
    rc = translate_new(&x->t, &conf, span_str(plain_request(b)), &e);
    if (rc == 0 && stream)
        rc = heard_each_event(text, translate_raw, x, &e) < 0 ? -1
                                                              : translate_end(x->t, &x->out, &e);
    else if (rc == 0)
        rc = translate_answer(x->t, text, false, &x->out, &e);
    if (rc < 0)
        fail_msg("%s to %s: %s\n%.*s", a->name, b->name, e.text, SPAN_FMT(text));
}

/* ---- comparing ---- */

struct going {
    const struct convert *from, *to;
    uint64_t seed;
    bool stream;
    struct span there;
};

static void differs(void *arg, const char *what, struct span want, struct span got)
{
    const struct going *g = arg;

    fail_msg("seed %d, %s to %s, %s: %s\n  was %.*s\n  is %.*s\nthere %.*s", (int)g->seed,
             g->from->name, g->to->name, g->stream ? "streamed" : "whole", what,
             (int)MIN(want.n, (size_t)500), want.p, (int)MIN(got.n, (size_t)500), got.p,
             (int)MIN(g->there.n, (size_t)6000), g->there.p);
}

static void hear(struct heard *h, const struct going *g)
{
    struct err e;

    heard_init(h, g->to);
    if (heard_read(h, g->there, g->stream, &e) < 0)
        differs((void *)(uintptr_t)g, "cannot be read", span_str(e.text), span_of(NULL, 0));
}

static void go(const struct convert *a, const struct convert *b, const struct chat_answer *want,
               struct span text, const struct going *g)
{
    struct going on = {a, b, g->seed, g->stream, {NULL, 0}};
    struct translating x;
    struct heard there;

    if (want->choices_n > 1 && b->loss[CHAT_HAS_CHOICES].loss == LOST)
        return;
    pass_on(&x, a, b, text, g->stream);
    on.there = buf_span(&x.out);
    hear(&there, &on);
    alike_answers(b, want, heard_answer(&there), differs, &on);
    heard_fini(&there);
    translate_free(&x.t);
    buf_fini(&x.out);
}

static void go_everywhere(const struct convert *a, const struct drawn *d, uint64_t seed,
                          bool stream)
{
    struct going g = {a, a, seed, stream, {NULL, 0}};
    struct chat_collect *c = NULL;
    struct heard own;
    struct buf text;
    struct err e;

    say(&text, a, d, stream);
    g.there = buf_span(&text);
    hear(&own, &g);
    assert_int_equal(chat_collect_new(&c, 64 * MEGA, &e), 0);
    for (size_t i = 0; i < d->n; i++)
        assert_int_equal(collected(c, &d->events[i]), 0);
    alike_answers(a, chat_collect_answer(c), heard_answer(&own), differs, &g);
    for (size_t i = 0; i < CONVERTS; i++)
        if (convert_serves(convert_row(i)))
            go(a, convert_row(i), heard_answer(&own), buf_span(&text), &g);
    chat_collect_free(&c);
    heard_fini(&own);
    buf_fini(&text);
}

static void answers_go_everywhere(void **state)
{
    static struct drawn d; /* some hundred KB */

    UNUSED(state);
    for (size_t i = 0; i < CONVERTS; i++) {
        const struct convert *a = convert_row(i);

        for (uint64_t seed = 1; seed <= SEEDS && convert_serves(a); seed++) {
            draw(&d, a, seed);
            go_everywhere(a, &d, seed, true);
            go_everywhere(a, &d, seed, false);
            arena_fini(&d.arena);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_go_everywhere)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
