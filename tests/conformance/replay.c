/*
 * replay.c - runs the recorded traffic of real providers through the dialects.
 *
 * Goal: no answer is ever called complete before its provider said so, none that is complete is
 * called anything else, and every recorded request is read as it was meant.
 * Method: each streamed answer goes in byte by byte, with the verdict asked after each, against
 * the verdicts of a naive reader that shares no code (naive.c); then again in other cuts.
 *
 * Output is TAP, one line a source, and a last line with the counts.
 */
#include <yyjson.h>

#include "base/arena.h"
#include "check.h"
#include "data.h"
#include "fixtures.h"
#include "hosts.h"

#define PATH_BYTES 4096
#define ANSWER_MAX ((size_t)64 << 20)

/* The cassettes that hold a dialect of ours. */
static const struct {
    const char *file;
    enum provider_op op;
    const char *path; /* what is of another operation is left out; with '*' */
} cassettes[] = {
    {"openai-chat", OP_CHAT, "*"},
    {"openai-responses", OP_RESPONSES, "*/responses"},
    {"anthropic-messages", OP_MESSAGES, "*"},
    {"openai-completions", OP_COMPLETIONS, "*"},
    {"embeddings", OP_EMBEDDINGS, "*"},
    {"models", OP_GEMINI_EMBED_BATCH, "*:batchEmbedContents"},
    {"anthropic-count", OP_COUNT, "*"},
    {"gemini", OP_GEMINI, "*"},
    {"gemini-count", OP_GEMINI_COUNT, "*"},
    {"cohere", OP_COHERE, "/v2/chat"},
    {"ollama", OP_OLLAMA, "/api/chat"},
    {"bedrock-converse", OP_CONVERSE, "*"},
    {"bedrock-invoke", OP_MESSAGES, "*claude-*-*/invoke*"},
    {"anthropic-vertex", OP_MESSAGES, "*"},
};

/* What a refusal means: by status, but for these. All recorded 404 are models that are missing. */
static const struct {
    const char *text;
    enum class_id class_id;
} refusals[] = {
    {"Incorrect API key", CLASS_CREDENTIAL}, /* xAI says it with 400 */
    {"prompt too long", CLASS_TOO_LONG},       {"prompt is too long", CLASS_TOO_LONG},
    {"API key not valid", CLASS_CREDENTIAL},   {"too many tokens", CLASS_TOO_LONG},
    {"Input Tokens Exceeded", CLASS_TOO_LONG}, {"security token", CLASS_CREDENTIAL},
};

struct run {
    struct tally t;
    const struct dialect *d;
    enum provider_op op;
    const char *path;
};

static const char *text_of(yyjson_val *v, const char *key)
{
    const char *s = yyjson_get_str(yyjson_obj_get(v, key));

    return s ? s : "";
}

static uint64_t count_of(yyjson_val *v, const char *key)
{
    return yyjson_is_uint(yyjson_obj_get(v, key)) ? yyjson_get_uint(yyjson_obj_get(v, key)) : 0;
}

/* What the request asked for, read from its tree. */
static struct dialect_request wanted(const struct dialect *d, yyjson_val *req)
{
    struct dialect_request q = {.choices = 1};
    bool chat = d == &dialect_openai_chat || d == &dialect_openai_completions;
    yyjson_val *prompt = yyjson_obj_get(req, "prompt");

    if (d->by_url) { /* and with it whether to stream; they spell the other two as here */
        yyjson_val *conf = yyjson_obj_get(req, "generationConfig");

        q.max_tokens = count_of(conf, "maxOutputTokens");
        q.choices = (uint32_t)MAX(count_of(conf, "candidateCount"), UINT64_C(1));
        return q;
    }
    (void)snprintf(q.model, sizeof(q.model), "%s", text_of(req, "model"));
    if (!chat && d != &dialect_anthropic_messages && d != &dialect_openai_responses &&
        d != &dialect_cohere_chat && d != &dialect_ollama_chat)
        return q;
    q.stream = yyjson_is_true(yyjson_obj_get(req, "stream"));
    q.max_tokens =
        count_of(req, d == &dialect_openai_responses ? "max_output_tokens" : "max_tokens");
    if (!chat)
        return q;
    q.max_tokens = MAX(q.max_tokens, count_of(req, "max_completion_tokens"));
    q.choices = (uint32_t)MAX(count_of(req, "n"), UINT64_C(1));
    q.usage_asked =
        yyjson_is_true(yyjson_obj_get(yyjson_obj_get(req, "stream_options"), "include_usage"));
    if (d == &dialect_openai_completions && yyjson_is_str(yyjson_arr_get_first(prompt)))
        q.choices *= (uint32_t)yyjson_arr_size(prompt);
    return q;
}

static enum class_id meant(unsigned status, struct span body)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (span_contains(body, span_str(refusals[i].text)))
            return refusals[i].class_id;
    switch (status) {
    case 401:
    case 404:
        return CLASS_CREDENTIAL;
    case 429:
        return CLASS_RATE;
    default:
        return CLASS_CALLER;
    }
}

static void check_refusal(struct tally *t, const char *name, const struct provider *p,
                          unsigned status, struct span body)
{
    enum class_id want = meant(status, body), got;
    struct provider_failure f;
    struct arena a;
    bool known;

    t->refusals++;
    arena_init(&a, (size_t)1 << 20);
    provider_read_error(&f, body, &a);
    f.status = (uint16_t)status;
    got = provider_classify(p, &f, &known);
    if (got != want || f.text.n == 0)
        check_fail(t, name, "status %u is %s, not %s", status, class_row(got)->name,
                   class_row(want)->name);
    arena_fini(&a);
}

/* Google's operations differ in the path alone. */
static enum provider_op op_of(const struct run *run, struct span path)
{
    if (run->op == OP_GEMINI && span_ends(path, SPAN_LIT(":streamGenerateContent")))
        return OP_GEMINI_STREAM;
    return run->op;
}

/* The row that serves the recorded host, which must call it by the recorded path. */
static const struct provider *provider_of(struct run *run, const char *name, yyjson_val *rec)
{
    struct span host = span_str(text_of(rec, "host")), rest = span_str(text_of(rec, "path"));
    struct span path = span_cut(&rest, '?');
    bool known;
    const struct provider *p = hosts_find(host, path, &known);

    if (!known)
        check_fail(&run->t, name, "no row for this host");
    else if (p &&
             !hosts_path_fits(p, op_of(run, path), span_ends(path, SPAN_LIT("stream")), host, path))
        check_fail(&run->t, name, "'%s' does not call %.*s", p->name, SPAN_FMT(path));
    return p;
}

/* Is it a call of the operation? Stored answers are fetched below its path. */
static bool is_call(const struct run *run, yyjson_val *rec)
{
    struct span rest = span_str(text_of(rec, "path"));

    return yyjson_equals_str(yyjson_obj_get(rec, "method"), "POST") &&
           span_glob(span_str(run->path), span_cut(&rest, '?'));
}

static void on_line(void *arg, struct span line)
{
    struct run *run = arg;
    yyjson_doc *doc = yyjson_read(line.p, line.n, 0);
    yyjson_val *rec = yyjson_doc_get_root(doc), *req = yyjson_obj_get(rec, "req");
    const char *type = text_of(yyjson_obj_get(rec, "resp_headers"), "content-type");
    struct dialect_request want = wanted(run->d, req);
    char *body = yyjson_val_write(req, 0, NULL);
    unsigned status = (unsigned)count_of(rec, "status");
    const struct provider *p;
    struct span resp;
    struct buf answer;
    char name[128];

    MUST(rec && body);
    run->t.recordings++;
    if (!is_call(run, rec)) {
        run->t.others++;
        free(body);
        yyjson_doc_free(doc);
        return;
    }
    (void)snprintf(name, sizeof(name), "%s %s", text_of(rec, "id"), text_of(rec, "host"));
    buf_init(&answer, ANSWER_MAX);
    data_answer(&answer, rec);
    resp = buf_span(&answer);
    if (!yyjson_obj_get(req, "anthropic_version")) /* as clouds want it: no client asks so */
        check_request(&run->t, name, run->d, span_str(body), &want);
    p = provider_of(run, name, rec);
    if (!p && run->d->by_url) /* Vertex AI: the same APIs below paths of its own */
        p = provider_find(SPAN_LIT("gemini"));
    else if (!p && run->op == OP_MESSAGES)
        p = provider_find(SPAN_LIT("anthropic"));
    if (!p)
        run->t.others++;
    else if (status != 200)
        check_refusal(&run->t, name, p, status, resp);
    else if (strstr(type, "event-stream") || strstr(type, "eventstream") || strstr(type, "ndjson"))
        check_stream(&run->t, name, run->d, p->terminal, want.choices, resp);
    else
        check_whole(&run->t, name, run->d, resp);
    buf_fini(&answer);
    free(body);
    yyjson_doc_free(doc);
}

static void report(struct tally *sum, const struct tally *t, const char *name)
{
    static unsigned test;

    printf("%s %u - %s\n", t->failures ? "not ok" : "ok", ++test, name);
    printf(
        "# %lu recordings: %lu requests, %lu streams, %lu whole, %lu refused, %lu of other APIs\n",
        t->recordings, t->requests, t->streams, t->wholes, t->refusals, t->others);
    printf("# verdicts: %lu complete, %lu cut, %lu error, %lu bad\n", t->verdicts[0],
           t->verdicts[1], t->verdicts[2], t->verdicts[3]);
    printf("# events:");
    for (size_t i = 0; i < ARRAY_LEN(t->events); i++)
        printf(" %lu", t->events[i]);
    printf("\n");
    sum->recordings += t->recordings;
    sum->streams += t->streams;
    sum->false_completions += t->false_completions;
    sum->failures += t->failures;
}

/* Test data of other projects, below recorded/. */
static const char *const folders[] = {
    "vercel-ai",
    "prism-php",
    "anthropic-sdk-python",
    "anthropic-sdk-typescript",
    "vertexai-sdk-test-data",
};

int main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : getenv("LAMPLIGHTER_DATA");
    struct tally sum = {0};

    if (!root)
        root = "../shared/data";
    for (size_t i = 0; i < ARRAY_LEN(cassettes); i++) {
        const char *dialect = provider_op_row(cassettes[i].op)->dialect;
        struct run run = {
            .d = dialect_find(span_str(dialect)), .op = cassettes[i].op, .path = cassettes[i].path};
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "%s/recorded/cassettes/%s.jsonl.gz", root,
                       cassettes[i].file);
        if (data_lines(path, on_line, &run) < 0) {
            printf("1..0 # SKIP unsupported: no recorded traffic at %s\n", path);
            return 0;
        }
        report(&sum, &run.t, cassettes[i].file);
    }
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        struct tally t = {0};
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "%s/recorded/%s", root, folders[i]);
        fixtures_check(&t, path);
        report(&sum, &t, folders[i]);
    }
    printf("1..%zu\n", ARRAY_LEN(cassettes) + ARRAY_LEN(folders));
    printf("# %lu recordings, %lu streams, %lu false completions\n", sum.recordings, sum.streams,
           sum.false_completions);
    return sum.failures ? 1 : 0;
}
