/*
 * cuts.c - recorded streams, translated, that break off.
 *
 * Goal: a client of another dialect never takes a broken answer for a whole one, and what it gets
 * does not depend on how the bytes of the target came.
 * Method: each recorded stream is translated for a client of each dialect with its bytes in pieces
 * of random length, and what comes out is the same as with all bytes at once, and complete to a
 * reader of the client's dialect. Then it is cut at drawn places: what the client got until then,
 * with the error event that the gateway writes behind it, is never complete, and holds no terminal.
 *
 * Output is TAP, one line a pair of dialects, and a last line with the counts and the seed.
 */
#include <yyjson.h>

#include "base/mem.h"
#include "base/rng.h"
#include "check.h"
#include "data.h"
#include "dialect/translate.h"
#include "hosts.h"
#include "plain.h"

#define PATH_BYTES 4096
#define MEGA       ((size_t)1024 * 1024)
#define CUTS       12 /* of one stream for one client */
#define PIECE_MAX  700

static struct rng rng;

struct pair {
    const struct convert *from, *to;
    struct tally t;
    unsigned long cuts;
};

struct run {
    const struct convert *c;
    const char *path;
    struct pair pairs[CONVERTS];
};

/* One stream on its way from a target to a client. */
struct passing {
    const struct pair *p;
    struct dialect_answer answer; /* the target's, as the gateway reads it */
    struct translate *t;
    struct buf event; /* bytes of the event that is under way */
    struct buf out;   /* what the client got */
    bool over;        /* nothing more is read: it is bad, or the target said that it failed */
    struct err e;
};

static void passing_init(struct passing *x, const struct pair *p, enum dialect_terminal terminal,
                         uint32_t choices)
{
    struct translate_conf conf = {.client = p->to,
                                  .target = p->from,
                                  .model = SPAN_LIT("m"),
                                  .id = SPAN_LIT("r_1"),
                                  .created = 1,
                                  .answer_max = 64 * MEGA};

    *x = (struct passing){.p = p};
    dialect_answer_begin(&x->answer, p->from->dialect, terminal, choices, true);
    buf_init(&x->event, 64 * MEGA);
    buf_init(&x->out, 64 * MEGA);
    MUST(translate_new(&x->t, &conf, span_str(plain_request(p->to)), &x->e) == 0);
}

static void passing_fini(struct passing *x)
{
    translate_free(&x->t);
    buf_fini(&x->event);
    buf_fini(&x->out);
}

static int on_event(struct passing *x)
{
    enum dialect_kind kind = x->answer.ev.kind;
    int rc = 0;

    x->over = kind == EVENT_BAD || kind == EVENT_ERROR;
    if (!x->over)
        rc = translate_event(x->t, buf_span(&x->event), &x->out, &x->e);
    buf_reset(&x->event);
    return rc;
}

/* The bytes came in pieces of at most `most`. */
static int pass(struct passing *x, struct span s, size_t most)
{
    while (s.n && !x->over) {
        size_t piece = most == SIZE_MAX ? s.n : 1 + (size_t)rng_below(&rng, most);
        size_t n = MIN(s.n, piece), used;
        enum dialect_step step = dialect_answer_next(&x->answer, s.p, n, &used);

        buf_add(&x->event, s.p, used);
        s = span_of(s.p + used, s.n - used);
        if (step == STEP_EVENT && on_event(x) < 0)
            return -1;
    }
    return 0;
}

/* What the client makes of it. */
static enum dialect_verdict verdict_of(const struct convert *client, struct span s,
                                       uint32_t choices, bool *terminal)
{
    struct dialect_answer a;

    dialect_answer_begin(&a, client->dialect, TERMINAL_DONE, choices, true);
    while (s.n && a.ev.kind != EVENT_BAD) {
        size_t used;

        if (dialect_answer_next(&a, s.p, s.n, &used) == STEP_MORE)
            break;
        s = span_of(s.p + used, s.n - used);
    }
    *terminal = a.done;
    return dialect_answer_verdict(&a);
}

static bool end(struct passing *x)
{
    return dialect_answer_verdict(&x->answer) == VERDICT_COMPLETE &&
           translate_end(x->t, &x->out, &x->e) == 0;
}

/* All of it, at once and in pieces. */
static void check_whole_stream(struct pair *p, const char *name, struct span text,
                               enum dialect_terminal terminal, uint32_t choices)
{
    struct passing once, pieces;
    bool done;

    passing_init(&once, p, terminal, choices);
    passing_init(&pieces, p, terminal, choices);
    if (pass(&once, text, SIZE_MAX) < 0 || pass(&pieces, text, PIECE_MAX) < 0)
        check_fail(&p->t, name, "is not translated: %s%s", once.e.text, pieces.e.text);
    else if (!end(&once) || !end(&pieces))
        check_fail(&p->t, name, "%s", dialect_answer_why(&once.answer));
    else if (!span_eq(buf_span(&once.out), buf_span(&pieces.out)))
        check_fail(&p->t, name, "differs when it comes in pieces");
    else if (verdict_of(p->to, buf_span(&once.out), choices, &done) != VERDICT_COMPLETE)
        check_fail(&p->t, name, "does not end for the client");
    p->t.streams++;
    passing_fini(&once);
    passing_fini(&pieces);
}

static void check_cut(struct pair *p, const char *name, struct span text, size_t cut,
                      enum dialect_terminal terminal, uint32_t choices)
{
    struct dialect_error error = {
        .status = 502, .reason = "cut", .message = SPAN_LIT("cut"), .request_id = SPAN_LIT("r_1")};
    struct passing x;
    bool done;

    passing_init(&x, p, terminal, choices);
    if (pass(&x, span_of(text.p, cut), PIECE_MAX) < 0) {
        check_fail(&p->t, name, "is not translated up to %zu: %s", cut, x.e.text);
    } else if (dialect_answer_verdict(&x.answer) == VERDICT_COMPLETE) {
        p->t.verdicts[VERDICT_COMPLETE]++; /* nothing that counts is missing */
        if (!end(&x) || verdict_of(p->to, buf_span(&x.out), choices, &done) != VERDICT_COMPLETE)
            check_fail(&p->t, name, "is complete at %zu, and not so for the client", cut);
    } else {
        enum dialect_verdict v;

        verdict_of(p->to, buf_span(&x.out), choices, &done);
        p->to->dialect->write_error_event(&x.out, &error);
        v = verdict_of(p->to, buf_span(&x.out), choices, &(bool){false});
        p->t.verdicts[v]++;
        if (done || v == VERDICT_COMPLETE) {
            p->t.false_completions++;
            check_fail(&p->t, name, "cut at %zu: the client takes it for complete", cut);
        }
    }
    p->cuts++;
    passing_fini(&x);
}

static const char *text_of(yyjson_val *v, const char *key)
{
    const char *s = yyjson_get_str(yyjson_obj_get(v, key));

    return s ? s : "";
}

static void check_recording(struct run *run, const char *name, yyjson_val *rec, struct span resp)
{
    struct span rest = span_str(text_of(rec, "path")), path = span_cut(&rest, '?');
    yyjson_val *n = yyjson_obj_get(yyjson_obj_get(rec, "req"), "n");
    uint32_t choices = yyjson_is_uint(n) ? (uint32_t)yyjson_get_uint(n) : 1;
    const struct provider *p;
    bool known;

    p = hosts_find(span_str(text_of(rec, "host")), path, &known);
    for (size_t i = 0; i < CONVERTS; i++) {
        struct pair *pair = &run->pairs[i];
        enum dialect_terminal terminal = p ? p->terminal : TERMINAL_DONE;

        if (!convert_serves(pair->to))
            continue;
        if (choices > 1 && pair->to->loss[CHAT_HAS_CHOICES].loss == LOST)
            continue;
        check_whole_stream(pair, name, resp, terminal, choices);
        for (int k = 0; k < CUTS; k++)
            check_cut(pair, name, resp, (size_t)rng_below(&rng, resp.n), terminal, choices);
    }
}

/* Whole as it was recorded? Some were cut when they were, or hold an error. */
static bool is_whole(const struct convert *c, struct span resp)
{
    bool done;

    return verdict_of(c, resp, 1, &done) == VERDICT_COMPLETE;
}

static bool is_stream(const char *type)
{
    return strstr(type, "event-stream") || strstr(type, "eventstream") || strstr(type, "ndjson");
}

static void on_line(void *arg, struct span line)
{
    struct run *run = arg;
    yyjson_doc *doc = yyjson_read(line.p, line.n, 0);
    yyjson_val *rec = yyjson_doc_get_root(doc);
    const char *type = text_of(yyjson_obj_get(rec, "resp_headers"), "content-type");
    struct buf answer;
    char name[128];

    MUST(rec);
    buf_init(&answer, 64 * MEGA);
    data_answer(&answer, rec);
    (void)snprintf(name, sizeof(name), "%s %s", text_of(rec, "id"), text_of(rec, "host"));
    if (yyjson_get_uint(yyjson_obj_get(rec, "status")) == 200 && is_stream(type) &&
        span_glob(span_str(run->path), span_str(text_of(rec, "path"))) &&
        is_whole(run->c, buf_span(&answer)))
        check_recording(run, name, rec, buf_span(&answer));
    buf_fini(&answer);
    yyjson_doc_free(doc);
}

static void report(const struct pair *p)
{
    static unsigned test;

    printf("%s %u - %s to %s\n", p->t.failures ? "not ok" : "ok", ++test, p->from->name,
           p->to->name);
    printf("# %lu streams, %lu cuts; the client: %lu complete, %lu cut, %lu error, %lu bad\n",
           p->t.streams, p->cuts, p->t.verdicts[0], p->t.verdicts[1], p->t.verdicts[2],
           p->t.verdicts[3]);
}

int main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : "../shared/data";
    unsigned long streams = 0, cuts = 0, wrong = 0, failures = 0;
    uint64_t seed = 1;

    MUST(argc < 3 || span_u64(span_str(argv[2]), &seed) == 0);
    rng_init(&rng, seed);
    for (size_t i = 0; i < PLAIN_RECORDINGS; i++) {
        const struct plain_recording *rec = plain_recording(i);
        struct run run = {.c = rec->c, .path = rec->path};
        char path[PATH_BYTES];

        for (size_t j = 0; j < CONVERTS; j++)
            run.pairs[j] = (struct pair){.from = run.c, .to = convert_row(j)};
        (void)snprintf(path, sizeof(path), "%s/recorded/cassettes/%s.jsonl.gz", root, rec->file);
        if (data_lines(path, on_line, &run) < 0) {
            printf("1..0 # SKIP unsupported: no recorded traffic at %s\n", path);
            return 0;
        }
        for (size_t j = 0; j < CONVERTS; j++) {
            const struct pair *p = &run.pairs[j];

            if (convert_serves(p->to))
                report(p);
            streams += p->t.streams;
            cuts += p->cuts;
            wrong += p->t.false_completions;
            failures += p->t.failures;
        }
    }
    printf("# %lu streams, %lu cuts, %lu false completions, %lu failures, seed %llu\n", streams,
           cuts, wrong, failures, (unsigned long long)seed);
    return failures ? 1 : 0;
}
