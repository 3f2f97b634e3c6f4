/*
 * translate.c - runs the recorded traffic of real providers through the translators.
 *
 * Goal: what a provider said reaches a client of any dialect: texts, thinking, calls with their
 * arguments, stop reason, usage, and what else its dialect has; and what a client asked reaches a
 * target of any dialect, each feature that the target carries by its loss table and by what its
 * writer noted.
 * Method: each recorded answer is read as the conversation (once), translated to each client
 * dialect with its bytes as they came, and what comes out is read again as that dialect and
 * compared with the first reading. Requests likewise: written for each target that can take them,
 * read again, compared.
 *
 * Output is TAP, one line a pair of dialects, and a last line with the counts. With a second
 * argument, a file, what clients and targets of other dialects got is written to it, a JSON object
 * a line.
 */
#include "alike.h"
#include "base/mem.h"
#include "codec/json_write.h"
#include "data.h"
#include "dialect/translate.h"
#include "plain.h"
#include "said.h"

#define PATH_BYTES 4096
#define MEGA       ((size_t)1024 * 1024)
#define ID_KEPT    36 /* bytes of an id that are in every dialect's; longer ones may be cut */
#define FAULTS_MAX 5  /* that are printed of one pair */

struct pair {
    const struct convert *from, *to;
    unsigned long answers, streams, requests, skipped, refused, failures;
};

struct run {
    const struct convert *c;
    const char *path;
    struct pair pairs[CONVERTS];
};

static void fault(struct pair *p, const char *name, const char *what, struct span a, struct span b)
{
    if (p->failures++ < FAULTS_MAX)
        printf("# %s, %s to %s: %s: '%.*s' is not '%.*s'\n", name, p->from->name, p->to->name, what,
               (int)MIN(b.n, (size_t)200), b.p ? b.p : "", (int)MIN(a.n, (size_t)200),
               a.p ? a.p : "");
}

/* ---- comparing ---- */

static bool refused(const struct chat_part *p)
{
    for (; p; p = p->next)
        if (p->kind == CHAT_PART_REFUSAL)
            return true;
    return false;
}

static void same(struct pair *p, const char *name, const char *what, struct buf *a, struct buf *b)
{
    if (!span_eq(buf_span(a), buf_span(b)))
        fault(p, name, what, buf_span(a), buf_span(b));
    buf_reset(a);
    buf_reset(b);
}

/* Dialects have fewer words for the end than there are ends. */
static enum chat_stop coarse(enum chat_stop s)
{
    switch (s) {
    case CHAT_STOP_TEXT:
    case CHAT_STOP_PAUSE:
        return CHAT_STOP_END;
    case CHAT_STOP_REFUSAL:
        return CHAT_STOP_FILTER;
    case CHAT_STOP_NONE:
    case CHAT_STOP_END:
    case CHAT_STOP_LENGTH:
    case CHAT_STOP_TOOL:
    case CHAT_STOP_FILTER:
        break;
    }
    return s;
}

static bool carries(const struct convert *c, enum chat_feature f)
{
    return c->loss[f].loss != LOST;
}

static void compare_usage(struct pair *p, const char *name, const struct chat_usage *a,
                          const struct chat_usage *b)
{
    char want[96], got[96];

    (void)snprintf(want, sizeof(want), "%llu in, %llu out", (unsigned long long)a->input,
                   (unsigned long long)a->output);
    (void)snprintf(got, sizeof(got), "%llu in, %llu out", (unsigned long long)b->input,
                   (unsigned long long)b->output);
    if (a->seen && strcmp(want, got) != 0)
        fault(p, name, "usage", span_str(want), span_str(got));
}

/* Dialects that have no word for the end, or for a refusal, say it by the parts. */
static void compare_ends(struct pair *p, const char *name, const struct chat_answer *a,
                         const struct chat_answer *b)
{
    char want[8], got[8];

    for (uint32_t i = 0; i < a->choices_n; i++) {
        const struct chat_choice_answer *c = &a->choices[i], *d = &b->choices[i];

        (void)snprintf(want, sizeof(want), "%d", (int)coarse(c->stop));
        (void)snprintf(got, sizeof(got), "%d", (int)coarse(d->stop));
        if (c->stop != CHAT_STOP_NONE && !refused(c->parts) && strcmp(want, got) != 0)
            fault(p, name, "stop", span_str(want), span_str(got));
    }
}

static void compare_answers(struct pair *p, const char *name, const struct chat_answer *a,
                            const struct chat_answer *b)
{
    struct buf x, y;

    buf_init(&x, 64 * MEGA);
    buf_init(&y, 64 * MEGA);
    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++) {
        if (f == CHAT_HAS_CITATIONS && p->to->signer == CHAT_SIGNER_ANTHROPIC)
            continue; /* it has other kinds than web pages by URL */
        said_answer(&x, a, f, p->to->loss[f].loss);
        said_answer(&y, b, f, p->to->loss[f].loss);
        same(p, name, chat_feature_row(f)->word, &x, &y);
    }
    compare_ends(p, name, a, b);
    if (a->id.n && a->id.n <= ID_KEPT && !span_contains(b->id, a->id))
        fault(p, name, "id", a->id, b->id);
    compare_usage(p, name, &a->usage, &b->usage);
    buf_fini(&x);
    buf_fini(&y);
}

/* ---- answers ---- */

struct reading {
    struct arena arena;
    struct convert_reader reader;
    struct chat_collect *collect;
};

static void reading_init(struct reading *r, const struct convert *c)
{
    struct err e;

    arena_init(&r->arena, 64 * MEGA);
    MUST(chat_collect_new(&r->collect, 64 * MEGA, &e) == 0);
    r->reader = (struct convert_reader){.c = c,
                                        .own = arena_zalloc(&r->arena, c->reader_bytes),
                                        .arena = &r->arena,
                                        .sink = chat_collect_sink(r->collect)};
    MUST(r->reader.own);
}

static void reading_fini(struct reading *r)
{
    chat_collect_free(&r->collect);
    arena_fini(&r->arena);
}

/* Call fn for each event of a stream: up to its blank line. */
static int each_event(struct span s, int (*fn)(void *arg, struct span raw, struct err *e),
                      void *arg, struct err *e)
{
    while (s.n) {
        const char *end = memmem(s.p, s.n, "\n\n", 2), *crlf = memmem(s.p, s.n, "\r\n\r\n", 4);
        size_t n = s.n;

        if (end && (!crlf || end < crlf))
            n = (size_t)(end - s.p) + 2;
        else if (crlf)
            n = (size_t)(crlf - s.p) + 4;
        if (fn(arg, span_of(s.p, n), e) < 0)
            return -1;
        s = span_of(s.p + n, s.n - n);
    }
    return 0;
}

/* The data of an event that is one line, and its name. */
static struct span data_of(struct span raw, struct span *name)
{
    struct span data = {NULL, 0};

    *name = SPAN_LIT("");
    while (span_has(raw)) {
        struct span line = span_trim(span_cut(&raw, '\n'));

        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (span_starts(line, SPAN_LIT("data:")))
            data = span_trim(span_of(line.p + 5, line.n - 5));
        else if (span_starts(line, SPAN_LIT("event:")))
            *name = span_trim(span_of(line.p + 6, line.n - 6));
    }
    return data;
}

static int read_raw(void *arg, struct span raw, struct err *e)
{
    struct reading *r = arg;
    struct json_tree t = {0};
    struct span name, data = data_of(raw, &name);
    int rc = 0;

    if (data.n && !span_is(data, "[DONE]"))
        rc = json_tree_read(&t, data, e) < 0 ? -1
                                             : r->reader.c->read_event(&r->reader, name, t.root, e);
    json_tree_fini(&t);
    return rc;
}

static int read_answer(struct reading *r, struct span text, bool stream, struct err *e)
{
    struct json_tree t = {0};
    int rc = -1;

    if (stream)
        return each_event(text, read_raw, r, e);
    if (json_tree_read(&t, text, e) == 0)
        rc = r->reader.c->read_answer(&r->reader, t.root, e);
    json_tree_fini(&t);
    return rc;
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

static int translate_all(struct translating *x, struct span text, bool stream, struct err *e)
{
    if (!stream)
        return translate_answer(x->t, text, false, &x->out, e);
    return each_event(text, translate_raw, x, e) < 0 ? -1 : translate_end(x->t, &x->out, e);
}

static FILE *kept; /* what clients and targets got; NULL: nobody wants it */

/* what: "stream", "answer", "request". */
static void keep(const struct pair *p, const char *name, struct span text, const char *what)
{
    struct json_write w;
    struct buf line;

    if (!kept || p->from == p->to)
        return;
    buf_init(&line, 128 * MEGA);
    json_write_init(&w, &line);
    json_begin_object(&w);
    json_kv_cstring(&w, "name", name);
    json_kv_cstring(&w, "from", p->from->name);
    json_kv_cstring(&w, "to", p->to->name);
    json_kv_cstring(&w, "what", what);
    json_kv_string(&w, "text", text);
    json_end_object(&w);
    MUST(buf_ok(&line));
    (void)fprintf(kept, "%.*s\n", SPAN_FMT(buf_span(&line)));
    buf_fini(&line);
}

static void check_answer(struct pair *p, const char *name, const struct chat_answer *want,
                         struct span text, bool stream)
{
    struct translate_conf conf = {.client = p->to,
                                  .target = p->from,
                                  .model = SPAN_LIT("m"),
                                  .id = SPAN_LIT("r_1"),
                                  .created = 1,
                                  .answer_max = 64 * MEGA};
    struct translating x = {0};
    struct reading r;
    struct err e;

    if (want->choices_n > 1 && !carries(p->to, CHAT_HAS_CHOICES)) {
        p->skipped++;
        return;
    }
    p->answers++;
    p->streams += stream;
    buf_init(&x.out, 64 * MEGA);
    reading_init(&r, p->to);
    if (translate_new(&x.t, &conf, span_str(plain_request(p->to)), &e) < 0 ||
        translate_all(&x, text, stream, &e) < 0 ||
        read_answer(&r, buf_span(&x.out), stream, &e) < 0)
        fault(p, name, "answer", span_of(NULL, 0), span_str(e.text));
    else
        compare_answers(p, name, want, chat_collect_answer(r.collect));
    keep(p, name, buf_span(&x.out), stream ? "stream" : "answer");
    translate_free(&x.t);
    reading_fini(&r);
    buf_fini(&x.out);
}

/* ---- requests ---- */

struct comparing {
    struct pair *pair;
    const char *name;
};

static void differs(void *arg, const char *what, struct span want, struct span got)
{
    struct comparing *c = arg;

    fault(c->pair, c->name, what, want, got);
}

static void check_request(struct pair *p, const char *name, struct span body, const char *model)
{
    struct convert_told told = {0};
    struct convert_to to = {
        .model = span_str(model), .signer = p->to->signer, .max_tokens = 4096, .told = &told};
    struct json_tree first = {0}, second = {0};
    struct chat_request a = {0}, b = {0};
    struct arena arena;
    struct buf out;
    struct err e;

    arena_init(&arena, 256 * MEGA);
    buf_init(&out, 64 * MEGA);
    a.arena = b.arena = &arena;
    if (json_tree_read(&first, body, &e) < 0 || p->from->read_request(&a, first.root, &e) < 0)
        fault(p, name, "request", span_of(NULL, 0), span_str(e.text));
    else if (convert_obstacle(p->to, &convert_host_plain, &a) != CHAT_FEATURES ||
             (p->from == p->to && a.has & CHAT_BIT(CHAT_HAS_PREVIOUS))) /* nobody translates that */
        p->refused++;
    else if (p->to->write_request(&out, &a, &to, &e) < 0)
        p->refused += e.code == ERR_PROTOCOL; /* and no word of it went out */
    else if (json_tree_read(&second, buf_span(&out), &e) < 0 ||
             p->to->read_request(&b, second.root, &e) < 0)
        fault(p, name, "request again", span_of(NULL, 0), span_str(e.text));
    else
        alike_requests(p->to, &told, &a, &b, differs, &(struct comparing){p, name});
    if (second.root)
        keep(p, name, buf_span(&out), "request");
    p->requests++;
    json_tree_fini(&first);
    json_tree_fini(&second);
    arena_fini(&arena);
    buf_fini(&out);
}

/* Toward a model that nobody knows, and one that can what is new. */
static void check_both(struct pair *p, const char *name, struct span body)
{
    check_request(p, name, body, "m");
    if (plain_new_model(p->to))
        check_request(p, name, body, plain_new_model(p->to));
}

/* ---- recordings ---- */

static const char *text_of(yyjson_val *v, const char *key)
{
    const char *s = yyjson_get_str(yyjson_obj_get(v, key));

    return s ? s : "";
}

static void check_all_answers(struct run *run, const char *name, struct span resp, bool stream)
{
    struct reading r;
    struct err e;

    reading_init(&r, run->c);
    if (read_answer(&r, resp, stream, &e) < 0) {
        fault(&run->pairs[0], name, "first reading", span_of(NULL, 0), span_str(e.text));
    } else {
        const struct chat_answer *a = chat_collect_answer(r.collect);

        for (size_t i = 0; i < CONVERTS; i++)
            if (convert_serves(convert_row(i)))
                check_answer(&run->pairs[i], name, a, resp, stream);
    }
    reading_fini(&r);
}

/* Some recorded hosts of people's own answer with anything. */
static bool is_answer(struct span resp)
{
    while (resp.n && strchr(" \t\r\n", resp.p[0]))
        resp = span_of(resp.p + 1, resp.n - 1);
    return resp.n && strchr("{[d:e", resp.p[0]) != NULL;
}

/* Stored answers are fetched, counted and compacted below the path that makes them. */
static bool is_call(const char *method, const char *path)
{
    const char *below = strstr(path, "/responses/");

    return strcmp(method, "POST") == 0 && !below;
}

static void on_line(void *arg, struct span line)
{
    struct run *run = arg;
    yyjson_doc *doc = yyjson_read(line.p, line.n, 0);
    yyjson_val *rec = yyjson_doc_get_root(doc);
    const char *type = text_of(yyjson_obj_get(rec, "resp_headers"), "content-type");
    char *body = yyjson_val_write(yyjson_obj_get(rec, "req"), 0, NULL);
    struct span path = span_str(text_of(rec, "path"));
    struct buf answer;
    char name[128];

    MUST(rec && body);
    buf_init(&answer, 64 * MEGA);
    data_answer(&answer, rec);
    (void)snprintf(name, sizeof(name), "%s %s", text_of(rec, "id"), text_of(rec, "host"));
    if (yyjson_get_uint(yyjson_obj_get(rec, "status")) == 200 && is_answer(buf_span(&answer)) &&
        is_call(text_of(rec, "method"), path.p) && span_glob(span_str(run->path), path)) {
        for (size_t i = 0; i < CONVERTS && body[0] == '{'; i++) /* some were kept as a text */
            check_both(&run->pairs[i], name, span_str(body));
        check_all_answers(run, name, buf_span(&answer),
                          strstr(type, "eventstream") || strstr(type, "event-stream") ||
                              strstr(type, "ndjson"));
    }
    buf_fini(&answer);
    free(body);
    yyjson_doc_free(doc);
}

static unsigned long report(const struct pair *p)
{
    static unsigned test;

    printf("%s %u - %s to %s\n", p->failures ? "not ok" : "ok", ++test, p->from->name, p->to->name);
    printf(
        "# %lu answers (%lu streamed), %lu of several choices left out; %lu requests, %lu of them "
        "cannot be said; %lu faults\n",
        p->answers, p->streams, p->skipped, p->requests, p->refused, p->failures);
    return p->failures;
}

/* Features that no test would miss. */
static unsigned long uncompared(void)
{
    unsigned long n = 0;

    for (enum chat_feature f = 0; f < CHAT_FEATURES; f++)
        if (!said_by_somebody(f)) {
            printf("# nobody compares '%s': said.c\n", chat_feature_row(f)->word);
            n++;
        }
    return n;
}

int main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : "../shared/data";
    unsigned long failures = uncompared(), answers = 0, requests = 0;

    kept = argc > 2 ? fopen(argv[2], "w") : NULL;
    for (size_t i = 0; i < PLAIN_RECORDINGS; i++) {
        const struct plain_recording *rec = plain_recording(i);
        struct run run = {.c = rec->c, .path = rec->path};
        char path[PATH_BYTES];

        for (size_t j = 0; j < CONVERTS; j++)
            run.pairs[j] = (struct pair){.from = rec->c, .to = convert_row(j)};
        (void)snprintf(path, sizeof(path), "%s/recorded/cassettes/%s.jsonl.gz", root, rec->file);
        if (data_lines(path, on_line, &run) < 0) {
            printf("1..0 # SKIP unsupported: no recorded traffic at %s\n", path);
            return 0;
        }
        for (size_t j = 0; j < CONVERTS; j++) {
            failures += report(&run.pairs[j]);
            answers += run.pairs[j].answers;
            requests += run.pairs[j].requests;
        }
    }
    printf("1..%d\n# %lu answers, %lu requests, %lu faults\n", PLAIN_RECORDINGS * CONVERTS, answers,
           requests, failures);
    return (kept && fclose(kept) != 0) || failures ? 1 : 0;
}
