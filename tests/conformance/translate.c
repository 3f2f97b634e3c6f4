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
#include "heard.h"
#include "plain.h"
#include "said.h"

#define PATH_BYTES 4096
#define MEGA       ((size_t)1024 * 1024)
#define FAULTS_MAX 5 /* that are printed of one pair */

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

struct comparing {
    struct pair *pair;
    const char *name;
};

static void differs(void *arg, const char *what, struct span want, struct span got)
{
    struct comparing *c = arg;

    fault(c->pair, c->name, what, want, got);
}

static bool carries(const struct convert *c, enum chat_feature f)
{
    return c->loss[f].loss != LOST;
}

/* ---- answers ---- */

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
    return heard_each_event(text, translate_raw, x, e) < 0 ? -1 : translate_end(x->t, &x->out, e);
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
    struct heard r;
    struct err e;

    if (want->choices_n > 1 && !carries(p->to, CHAT_HAS_CHOICES)) {
        p->skipped++;
        return;
    }
    p->answers++;
    p->streams += stream;
    buf_init(&x.out, 64 * MEGA);
    heard_init(&r, p->to);
    if (translate_new(&x.t, &conf, span_str(plain_request(p->to)), &e) < 0 ||
        translate_all(&x, text, stream, &e) < 0 || heard_read(&r, buf_span(&x.out), stream, &e) < 0)
        fault(p, name, "answer", span_of(NULL, 0), span_str(e.text));
    else
        alike_answers(p->to, want, heard_answer(&r), differs, &(struct comparing){p, name});
    keep(p, name, buf_span(&x.out), stream ? "stream" : "answer");
    translate_free(&x.t);
    heard_fini(&r);
    buf_fini(&x.out);
}

/* ---- requests ---- */

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
    struct heard r;
    struct err e;

    heard_init(&r, run->c);
    if (heard_read(&r, resp, stream, &e) < 0) {
        fault(&run->pairs[0], name, "first reading", span_of(NULL, 0), span_str(e.text));
    } else {
        const struct chat_answer *a = chat_collect_answer(r.collect);

        for (size_t i = 0; i < CONVERTS; i++)
            if (convert_serves(convert_row(i)))
                check_answer(&run->pairs[i], name, a, resp, stream);
    }
    heard_fini(&r);
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
