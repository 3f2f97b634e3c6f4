/*
 * check.c - see check.h.
 */
#include "check.h"

#include <stdarg.h>

#include "naive.h"

void check_fail(struct tally *t, const char *name, const char *fmt, ...)
{
    va_list ap;

    t->failures++;
    printf("# %s: ", name);
    va_start(ap, fmt);
    (void)vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

/* What is remembered of an event, to compare two readings. */
struct seen {
    enum dialect_kind kind;
    uint32_t index;
    uint64_t end, model_at, model_len;
};

#define SEEN_MAX 65536

struct reading {
    struct dialect_answer a;
    struct seen *seen;
    size_t n;
    uint64_t fed;
};

static void reading_begin(struct reading *r, const struct dialect *d,
                          enum dialect_terminal terminal, uint32_t choices)
{
    dialect_answer_begin(&r->a, d, terminal, choices, true);
    r->seen = malloc(SEEN_MAX * sizeof(*r->seen));
    MUST(r->seen);
    r->n = 0;
    r->fed = 0;
}

static void note(struct reading *r)
{
    const struct dialect_event *e = &r->a.ev;

    MUST(r->n < SEEN_MAX);
    r->seen[r->n++] = (struct seen){.kind = e->kind,
                                    .index = e->index,
                                    .end = r->fed,
                                    .model_at = e->model_at,
                                    .model_len = e->model_len};
}

/* Feed a piece, in memory of its own so that a sanitizer sees reads beyond it. */
static void reading_feed(struct reading *r, const char *p, size_t n)
{
    char *piece = malloc(n);

    MUST(piece);
    memcpy(piece, p, n);
    for (size_t at = 0; at < n;) {
        size_t used = 0;
        enum dialect_step step = dialect_answer_next(&r->a, piece + at, n - at, &used);

        MUST(used <= n - at && (used > 0 || step == STEP_EVENT));
        at += used;
        r->fed += used;
        if (step == STEP_EVENT)
            note(r);
    }
    free(piece);
}

/* The model's place must hold what was reported, in quotes. */
static void check_models(struct tally *t, const char *name, const struct reading *r,
                         struct span text)
{
    uint64_t began = 0;

    for (size_t i = 0; i < r->n; began = r->seen[i++].end) {
        const struct seen *s = &r->seen[i];
        struct span raw = span_of(text.p + began + s->model_at, s->model_len);

        if (s->model_len == 0)
            continue;
        if (began + s->model_at + s->model_len > s->end || *raw.p != '"' || raw.p[raw.n - 1] != '"')
            check_fail(t, name, "event %zu: the model's place is wrong", i);
    }
}

static void compare(struct tally *t, const char *name, const struct reading *a,
                    const struct reading *b)
{
    if (a->n != b->n)
        check_fail(t, name, "%zu events in bytes, %zu in larger cuts", a->n, b->n);
    for (size_t i = 0; i < MIN(a->n, b->n); i++) {
        const struct seen *x = &a->seen[i], *y = &b->seen[i];

        if (x->kind != y->kind || x->index != y->index || x->model_len != y->model_len)
            check_fail(t, name, "event %zu depends on the cut", i);
    }
    if (a->a.usage.input != b->a.usage.input || a->a.usage.output != b->a.usage.output ||
        strcmp(a->a.stop, b->a.stop) != 0 || strcmp(a->a.model, b->a.model) != 0)
        check_fail(t, name, "usage, model or stop depend on the cut");
}

void check_stream(struct tally *t, const char *name, const struct dialect *d,
                  enum dialect_terminal terminal, uint32_t choices, struct span text)
{
    static const size_t cuts[] = {SIZE_MAX, 7, 100, 1448};
    struct reading bytes, other;
    struct naive_mark *marks;
    size_t n = naive_stream(&marks, d->name, terminal, choices, text);
    size_t m = 0;

    t->streams++;
    reading_begin(&bytes, d, terminal, choices);
    for (size_t at = 0; at < text.n; at++) {
        enum dialect_verdict v;

        reading_feed(&bytes, text.p + at, 1);
        while (m + 1 < n && marks[m + 1].at <= at + 1)
            m++;
        v = dialect_answer_verdict(&bytes.a);
        if (v == marks[m].verdict || v == VERDICT_BAD) /* BAD is known within an event */
            continue;
        t->false_completions += v == VERDICT_COMPLETE;
        check_fail(t, name, "verdict %d after %zu of %zu bytes, not %d", v, at + 1, text.n,
                   marks[m].verdict);
        break;
    }
    t->verdicts[dialect_answer_verdict(&bytes.a)]++;
    if (dialect_answer_verdict(&bytes.a) != marks[n - 1].verdict)
        check_fail(t, name, "the verdict is '%s'", dialect_answer_why(&bytes.a));
    for (size_t i = 0; i < bytes.n; i++)
        t->events[bytes.seen[i].kind]++;
    check_models(t, name, &bytes, text);
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        reading_begin(&other, d, terminal, choices);
        for (size_t at = 0; at < text.n; at += MIN(cuts[i], text.n - at))
            reading_feed(&other, text.p + at, MIN(cuts[i], text.n - at));
        compare(t, name, &bytes, &other);
        free(other.seen);
    }
    free(bytes.seen);
    free(marks);
}

void check_whole(struct tally *t, const char *name, const struct dialect *d, struct span text)
{
    struct naive_mark want = naive_whole(d->name, text);
    struct dialect_answer once, bytes;
    int rc;

    t->wholes++;
    dialect_answer_begin(&once, d, TERMINAL_DONE, 1, false);
    rc = dialect_answer_feed(&once, text.p, text.n);
    dialect_answer_begin(&bytes, d, TERMINAL_DONE, 1, false);
    for (size_t at = 0; at < text.n; at++) {
        enum dialect_verdict v;

        rc = dialect_answer_feed(&bytes, text.p + at, 1);
        v = dialect_answer_verdict(&bytes);
        if (v != VERDICT_CUT && v != VERDICT_BAD && at + 1 < want.at) {
            t->false_completions += v == VERDICT_COMPLETE;
            check_fail(t, name, "verdict %d after %zu of %zu bytes", v, at + 1, text.n);
            break;
        }
    }
    UNUSED(rc); /* the verdict says it as well */
    t->verdicts[dialect_answer_verdict(&once)]++;
    if (dialect_answer_verdict(&once) != want.verdict ||
        dialect_answer_verdict(&bytes) != want.verdict)
        check_fail(t, name, "the verdict is '%s', in bytes '%s', not %d", dialect_answer_why(&once),
                   dialect_answer_why(&bytes), want.verdict);
    if (once.usage.input != bytes.usage.input || once.usage.output != bytes.usage.output ||
        strcmp(once.model, bytes.model) != 0 || once.ev.model_at != bytes.ev.model_at)
        check_fail(t, name, "usage or model depend on the cut");
    if (once.ev.model_len && text.p[once.ev.model_at] != '"')
        check_fail(t, name, "the model's place is wrong");
}

void check_request(struct tally *t, const char *name, const struct dialect *d, struct span body,
                   const struct dialect_request *want)
{
    t->requests++;
    for (size_t cut = 0; cut < 2; cut++) {
        size_t most = cut ? 1 : body.n;
        struct dialect_request_reader r;
        int rc = 0;

        dialect_request_begin(&r, d);
        for (size_t at = 0; at < body.n && rc == 0; at += most)
            rc = dialect_request_feed(&r, body.p + at, most);
        if (rc < 0 || dialect_request_end(&r) < 0)
            check_fail(t, name, "request refused: %s", r.why);
        else if (strcmp(r.req.model, want->model) != 0 || r.req.stream != want->stream ||
                 r.req.choices != want->choices || r.req.max_tokens != want->max_tokens ||
                 r.req.usage_asked != want->usage_asked ||
                 (body.p[r.req.model_at] != '"' && !d->by_url))
            check_fail(t, name, "request read wrongly");
    }
}
