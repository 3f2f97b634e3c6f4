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

#include "check.h"
#include "data.h"

#define PATH_BYTES 4096

/* The cassettes that hold a dialect of ours. */
static const struct {
    const char *file, *dialect;
} cassettes[] = {
    {"openai-chat", "openai.chat"},
    {"anthropic-messages", "anthropic.messages"},
    {"openai-completions", "openai.completions"},
    {"embeddings", "openai.embeddings"},
    {"anthropic-count", "anthropic.count"},
};

struct run {
    struct tally t;
    const struct dialect *d;
    const char *root;
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

    (void)snprintf(q.model, sizeof(q.model), "%s", text_of(req, "model"));
    if (!chat && d != &dialect_anthropic_messages)
        return q;
    q.stream = yyjson_is_true(yyjson_obj_get(req, "stream"));
    q.max_tokens = count_of(req, "max_tokens");
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

static void on_line(void *arg, struct span line)
{
    struct run *run = arg;
    yyjson_doc *doc = yyjson_read(line.p, line.n, 0);
    yyjson_val *rec = yyjson_doc_get_root(doc), *req = yyjson_obj_get(rec, "req");
    yyjson_val *answer = yyjson_obj_get(rec, "resp");
    struct span resp = span_of(yyjson_get_str(answer), yyjson_get_len(answer));
    const char *type = text_of(yyjson_obj_get(rec, "resp_headers"), "content-type");
    struct dialect_request want = wanted(run->d, req);
    char *body = yyjson_val_write(req, 0, NULL);
    char name[128];

    MUST(rec && body);
    run->t.recordings++;
    (void)snprintf(name, sizeof(name), "%s %s", text_of(rec, "id"), text_of(rec, "host"));
    check_request(&run->t, name, run->d, span_str(body), &want);
    if (count_of(rec, "status") != 200 || !resp.p)
        run->t.skipped++;
    else if (strstr(type, "event-stream"))
        check_stream(&run->t, name, run->d, TERMINAL_DONE, want.choices, resp);
    else
        check_whole(&run->t, name, run->d, resp);
    free(body);
    yyjson_doc_free(doc);
}

static void report(struct tally *sum, const struct tally *t, const char *name)
{
    static unsigned test;

    printf("%s %u - %s # %lu recordings, %lu streams, %lu whole, %lu requests\n",
           t->failures ? "not ok" : "ok", ++test, name, t->recordings, t->streams, t->wholes,
           t->requests);
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

int main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : getenv("LAMPLIGHTER_DATA");
    struct tally sum = {0};

    if (!root)
        root = "../shared/data";
    for (size_t i = 0; i < ARRAY_LEN(cassettes); i++) {
        struct run run = {.root = root, .d = dialect_find(span_str(cassettes[i].dialect))};
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "%s/recorded/cassettes/%s.jsonl.gz", root,
                       cassettes[i].file);
        if (data_lines(path, on_line, &run) < 0) {
            printf("1..0 # SKIP unsupported: no recorded traffic at %s\n", path);
            return 0;
        }
        report(&sum, &run.t, cassettes[i].file);
    }
    printf("1..%zu\n", ARRAY_LEN(cassettes));
    printf("# %lu recordings, %lu streams, %lu false completions\n", sum.recordings, sum.streams,
           sum.false_completions);
    return sum.failures ? 1 : 0;
}
