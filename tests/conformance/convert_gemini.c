/*
 * convert_gemini.c - runs the recorded traffic of Gemini through its translation.
 *
 * Goal: every recorded request and answer can be read; what a request says is what is written and
 * read again; what an answer says is what a client of the same API would be told.
 * Method: there and back, compared as text. A stream is told twice, as events and as a whole.
 */
#include <yyjson.h>

#include "base/arena.h"
#include "chat_text.h"
#include "codec/sse.h"
#include "data.h"
#include "dialect/convert.h"

#define C      (&convert_gemini_generate)
#define BUDGET ((size_t)256 << 20)

struct run {
    unsigned long requests, answers, streams, refused, foreign, failures;
};

static void complain(struct run *run, const char *name, const char *what, struct span text)
{
    run->failures++;
    printf("# %s: %s: %.*s\n", name, what, SPAN_FMT(text));
}

/* ---- requests ---- */

struct request {
    struct json_tree t;
    struct arena a;
    struct chat_request q;
};

static int read_request(struct request *r, struct span text, struct err *e)
{
    memset(r, 0, sizeof(*r));
    arena_init(&r->a, BUDGET);
    r->q.arena = &r->a;
    return json_tree_read(&r->t, text, e) < 0 ? -1 : C->read_request(&r->q, r->t.root, e);
}

static void free_request(struct request *r)
{
    json_tree_fini(&r->t);
    arena_fini(&r->a);
}

/* What is lost on purpose, and what is told in other words. */
#define LOST_BITS                                                                                  \
    (CHAT_BIT(CHAT_HAS_PROVIDER_TOOL) | CHAT_BIT(CHAT_HAS_PREVIOUS) |                              \
     CHAT_BIT(CHAT_HAS_METADATA) | CHAT_BIT(CHAT_HAS_OTHER))

static void check_request(struct run *run, const char *name, struct span text, struct span model,
                          unsigned status)
{
    struct convert_to to = {.model = model, .signer = CHAT_SIGNER_GEMINI};
    struct request one, two;
    struct buf json, a, b;
    struct err e;

    run->requests++;
    buf_init(&json, BUDGET);
    buf_init(&a, BUDGET);
    buf_init(&b, BUDGET);
    if (read_request(&one, text, &e) < 0) {
        run->refused += status == 400;
        if (status != 400)
            complain(run, name, "request refused", span_str(e.text));
        free_request(&one);
        goto out;
    }
    if (one.q.has & (LOST_BITS & ~CHAT_BIT(CHAT_HAS_OTHER)))
        run->foreign++;
    one.q.held = false; /* Google itself held them to no more than it will */
    if (C->write_request(&json, &one.q, &to, &e) < 0 || !buf_ok(&json)) {
        complain(run, name, "cannot be written", span_str(e.text));
    } else if (read_request(&two, buf_span(&json), &e) < 0) {
        complain(run, name, "what was written is refused", span_str(e.text));
        free_request(&two);
    } else {
        chat_text_request(&a, &one.q);
        chat_text_request(&b, &two.q);
        if (!(one.q.has & LOST_BITS & ~CHAT_BIT(CHAT_HAS_OTHER)) &&
            (!span_eq(buf_span(&a), buf_span(&b)) ||
             (one.q.has & ~LOST_BITS) != (two.q.has & ~LOST_BITS))) {
            complain(run, name, "was", buf_span(&a));
            complain(run, name, "became", buf_span(&b));
        }
        free_request(&two);
    }
    free_request(&one);
out:
    buf_fini(&json);
    buf_fini(&a);
    buf_fini(&b);
}

/* ---- answers ---- */

/* Reads an answer, tells it to a writer, and collects it. */
struct telling {
    struct convert_reader r;
    struct convert_writer w;
    struct chat_collect *all;
    struct arena a;
};

static int on_event(void *arg, const struct chat_event *ev, struct err *e)
{
    struct telling *t = arg;
    struct chat_sink all = chat_collect_sink(t->all);

    return all.event(all.arg, ev, e) < 0 ? -1 : C->write_event(&t->w, ev, e);
}

static void begin(struct telling *t, struct buf *out)
{
    struct err e;

    memset(t, 0, sizeof(*t));
    arena_init(&t->a, BUDGET);
    MUST(chat_collect_new(&t->all, BUDGET, &e) == 0);
    t->r = (struct convert_reader){.c = C, .arena = &t->a, .sink = {on_event, t}};
    t->r.own = calloc(1, C->reader_bytes);
    t->w = (struct convert_writer){.c = C, .arena = &t->a, .out = out};
    t->w.own = calloc(1, C->writer_bytes);
    MUST(t->r.own && t->w.own);
}

static void finish(struct telling *t)
{
    chat_collect_free(&t->all);
    free(t->r.own);
    free(t->w.own);
    arena_fini(&t->a);
}

/* All events of a stream, or a whole answer. */
static int read_answer(struct telling *t, struct span text, bool stream, struct err *e)
{
    struct json_tree tree = {0};
    struct span rest = text;
    int rc = 0;

    if (!stream) {
        rc = json_tree_read(&tree, text, e) < 0 ? -1 : C->read_answer(&t->r, tree.root, e);
        json_tree_fini(&tree);
        return rc;
    }
    while (span_has(rest) && rc == 0) {
        struct span line = span_cut(&rest, '\n');

        if (!span_starts(line, SPAN_LIT("data:")))
            continue;
        line = span_of(line.p + 5, line.n - 5);
        rc = json_tree_read(&tree, line, e) < 0 ? -1
                                                : C->read_event(&t->r, SPAN_LIT(""), tree.root, e);
        json_tree_fini(&tree);
    }
    return rc;
}

static int to_text(void *arg, const struct chat_event *ev, struct err *e)
{
    UNUSED(e);
    chat_text_event(arg, ev);
    return 0;
}

static void describe(struct telling *t, struct buf *out)
{
    struct err e;

    MUST(chat_replay(chat_collect_answer(t->all), (struct chat_sink){to_text, out}, &e) == 0);
}

/* What was read must be what is written and read again. */
static void check_back(struct run *run, const char *name, struct span text, bool stream,
                       struct span want)
{
    struct telling t;
    struct buf unused, got;
    struct err e;

    buf_init(&unused, BUDGET);
    buf_init(&got, BUDGET);
    begin(&t, &unused);
    if (read_answer(&t, text, stream, &e) < 0)
        complain(run, name, "what was written is refused", span_str(e.text));
    else
        describe(&t, &got);
    if (!span_eq(buf_span(&got), want)) {
        complain(run, name, "was", want);
        complain(run, name, stream ? "became, as a stream" : "became, as a whole", buf_span(&got));
    }
    finish(&t);
    buf_fini(&unused);
    buf_fini(&got);
}

static void check_answer(struct run *run, const char *name, struct span text, bool stream,
                         bool compare)
{
    struct buf streamed, whole, want;
    struct telling t;
    struct err e;

    run->answers += !stream;
    run->streams += stream;
    buf_init(&streamed, BUDGET);
    buf_init(&whole, BUDGET);
    buf_init(&want, BUDGET);
    begin(&t, &streamed);
    if (read_answer(&t, text, stream, &e) < 0 || C->end(&t.w, &e) < 0) {
        complain(run, name, "answer refused", span_str(e.text));
        finish(&t);
        goto out;
    }
    describe(&t, &want);
    t.w.out = &whole;
    if (C->write_answer(&t.w, chat_collect_answer(t.all), &e) < 0)
        complain(run, name, "cannot be written", span_str(e.text));
    finish(&t);
    if (compare) {
        check_back(run, name, buf_span(&streamed), true, buf_span(&want));
        check_back(run, name, buf_span(&whole), false, buf_span(&want));
    }
out:
    buf_fini(&streamed);
    buf_fini(&whole);
    buf_fini(&want);
}

/* ---- the recordings ---- */

/* "/v1beta/models/NAME:generateContent" */
static struct span model_of(struct span path)
{
    struct span piece = {NULL, 0};

    while (span_has(path) && !span_is(piece, "models"))
        piece = span_cut(&path, '/');
    return span_cut(&path, ':');
}

static void on_line(void *arg, struct span line)
{
    struct run *run = arg;
    yyjson_doc *doc = yyjson_read(line.p, line.n, 0);
    yyjson_val *rec = yyjson_doc_get_root(doc), *answer = yyjson_obj_get(rec, "resp");
    const char *type =
        yyjson_get_str(yyjson_obj_get(yyjson_obj_get(rec, "resp_headers"), "content-type"));
    unsigned status = (unsigned)yyjson_get_uint(yyjson_obj_get(rec, "status"));
    const char *path = yyjson_get_str(yyjson_obj_get(rec, "path"));
    char *body = yyjson_val_write(yyjson_obj_get(rec, "req"), 0, NULL);
    const char *name = yyjson_get_str(yyjson_obj_get(rec, "id"));

    MUST(body && name);
    check_request(run, name, span_str(body), model_of(span_str(path)), status);
    if (status == 200)
        check_answer(run, name, span_of(yyjson_get_str(answer), yyjson_get_len(answer)),
                     type && strstr(type, "event-stream"), true);
    free(body);
    yyjson_doc_free(doc);
}

/* Google's own test data: bare answers and streams. Some have no end, others one in every event, so
 * that they are only read and written. */
static void on_file(void *arg, const char *path)
{
    struct run *run = arg;
    struct span text = data_file(path), name = span_str(path);
    bool stream = span_starts(text, SPAN_LIT("data:"));

    if (stream || (span_ends(name, SPAN_LIT(".json")) &&
                   (span_contains(text, SPAN_LIT("\"candidates\"")) ||
                    span_contains(text, SPAN_LIT("\"promptFeedback\"")))))
        check_answer(run, path, text, stream, false);
    data_free(&text);
}

int main(int argc, char **argv)
{
    const char *given = argc > 1 ? argv[1] : getenv("LAMPLIGHTER_DATA");
    const char *root = given ? given : "../shared/data";
    struct run run = {0};
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/recorded/cassettes/gemini.jsonl.gz", root);
    if (data_lines(path, on_line, &run) < 0) {
        printf("1..0 # SKIP unsupported: no recorded traffic at %s\n", path);
        return 0;
    }
    (void)snprintf(path, sizeof(path), "%s/recorded/vertexai-sdk-test-data", root);
    data_walk(path, "", on_file, &run);
    printf("%s 1 - gemini\n1..1\n", run.failures ? "not ok" : "ok");
    printf("# %lu requests there and back (%lu of them hold what no other API has, %lu refused as "
           "by Google), %lu answers, %lu streams, %lu failures\n",
           run.requests, run.foreign, run.refused, run.answers, run.streams, run.failures);
    return run.failures ? 1 : 0;
}
