/*
 * usage.c - prints what the dialects read of the tokens in the recorded answers, one line each:
 * test_usage.py reads the same answers by a way of its own, and compares.
 */
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

#include "data.h"
#include "dialect/dialect.h"

#define PATH_BYTES 4096

static const char *text_of(yyjson_val *v, const char *key)
{
    const char *s = yyjson_get_str(yyjson_obj_get(v, key));

    return s ? s : "";
}

static void read_events(struct dialect_answer *a, struct span s)
{
    size_t used;

    while (s.n && dialect_answer_next(a, s.p, s.n, &used) == STEP_EVENT)
        s = span_of(s.p + used, s.n - used);
}

static void print(const char *name, const char *id, const struct dialect_answer *a)
{
    const struct dialect_usage *u = &a->usage;
    const uint64_t counts[] = {u->input,          u->cache_read, u->cache_write,
                               u->cache_write_1h, u->audio_in,   u->audio_cached,
                               u->output,         u->reasoning,  u->audio_out};

    printf("%s\t%s\t%d\t%d", name, id, dialect_answer_verdict(a) == VERDICT_COMPLETE, u->seen);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        printf("\t%llu", (unsigned long long)counts[i]);
    printf("\n");
}

struct run {
    const char *name;
    const struct dialect *d;
};

static void on_line(void *arg, struct span line)
{
    const struct run *run = arg;
    yyjson_doc *doc = yyjson_read(line.p, line.n, 0);
    yyjson_val *rec = yyjson_doc_get_root(doc), *resp = yyjson_obj_get(rec, "resp");
    struct span body = span_of(yyjson_get_str(resp), yyjson_get_len(resp));
    const char *type = text_of(yyjson_obj_get(rec, "resp_headers"), "content-type");
    bool streamed = strstr(type, "event-stream") != NULL;
    struct dialect_answer a;

    if (yyjson_get_uint(yyjson_obj_get(rec, "status")) == 200 && body.n &&
        strcmp(text_of(rec, "method"), "POST") == 0) {
        dialect_answer_begin(&a, run->d, TERMINAL_DONE, 1, streamed);
        if (streamed)
            read_events(&a, body);
        if (streamed || dialect_answer_feed(&a, body.p, body.n) == 0)
            print(run->name, text_of(rec, "id"), &a);
    }
    yyjson_doc_free(doc);
}

int main(int argc, char **argv)
{
    static const struct run runs[] = {
        {"openai-chat", &dialect_openai_chat},
        {"openai-responses", &dialect_openai_responses},
        {"openai-completions", &dialect_openai_completions},
        {"embeddings", &dialect_openai_embeddings},
        {"anthropic-messages", &dialect_anthropic_messages},
        {"anthropic-vertex", &dialect_anthropic_messages},
        {"gemini", &dialect_gemini_generate},
    };
    char path[PATH_BYTES];

    for (size_t i = 0; argc > 1 && i < ARRAY_LEN(runs); i++) {
        (void)snprintf(path, sizeof(path), "%s/recorded/cassettes/%s.jsonl.gz", argv[1],
                       runs[i].name);
        if (data_lines(path, on_line, (void *)(uintptr_t)&runs[i]) < 0)
            return 1;
    }
    return 0;
}
