/*
 * codec.c - what the scanner costs, next to yyjson, in one process and one run.
 *
 * Prints ns an event and MB/s, and the ratio, which is the figure that travels between machines.
 * Each row is measured in short turns that alternate between the two, and the best turn of each
 * counts: that is the one which nothing else disturbed.
 */
#include <time.h>
#include <yyjson.h>

#include "codec/json_scan.h"
#include "codec/sse.h"

#define TURNS      25
#define TURN_BYTES (4U << 20) /* text that one turn reads */
#define LONG_BYTES (1U << 20)

static const char event[] =
    "{\"id\":\"chatcmpl-9xYzAbCdEfGhIjKlMnOpQrStUvWx\",\"object\":\"chat.completion.chunk\","
    "\"created\":1726512345,\"model\":\"gpt-4o-mini-2024-07-18\",\"system_fingerprint\":"
    "\"fp_0ba0d124f1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" lamp\"},"
    "\"logprobs\":null,\"finish_reason\":null}]}";

static const char *const paths[] = {
    "id",
    "model",
    "created",
    "system_fingerprint",
    "error",
    "error.type",
    "error.code",
    "error.message",
    "usage",
    "usage.prompt_tokens",
    "usage.completion_tokens",
    "usage.total_tokens",
    "choices[]",
    "choices[].index",
    "choices[].delta.content",
    "choices[].delta.tool_calls[].index",
    "choices[].delta.tool_calls[].function.arguments",
    "choices[].finish_reason",
};
static const struct json_watch watch = {paths, ARRAY_LEN(paths)};

static bool count(void *arg, const struct json_hit *hit)
{
    size_t *n = arg;

    *n += hit->raw.n;
    return true;
}

static void run_scan(struct span text)
{
    size_t n = 0;

    MUST(json_scan_all(&watch, text, count, &n) == JSON_SCAN_DONE);
}

static void run_next(struct span text)
{
    static struct json_scan s;
    static size_t n;

    if (s.watch)
        json_scan_reset(&s);
    else
        json_scan_init(&s, &watch, count, &n);
    MUST(json_scan_feed(&s, text.p, text.n) == JSON_SCAN_DONE);
}

static void run_check(struct span text)
{
    MUST(json_scan_all(NULL, text, NULL, NULL) == JSON_SCAN_DONE);
}

static void run_yyjson(struct span text)
{
    yyjson_doc *doc = yyjson_read(text.p, text.n, YYJSON_READ_NUMBER_AS_RAW);

    MUST(doc);
    yyjson_doc_free(doc);
}

static void run_sse(struct span text)
{
    struct sse s;
    size_t n = 0;

    sse_init(&s);
    while (n < text.n)
        n += sse_next(&s, text.p + n, text.n - n).used;
}

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double turn_ns(void (*run)(struct span), struct span text)
{
    size_t times = TURN_BYTES / text.n;
    double began = now_ns();

    for (size_t i = 0; i < times; i++)
        run(text);
    return (now_ns() - began) / (double)times;
}

static void row(const char *name, void (*ours)(struct span), struct span text)
{
    double best = 1e18, base = 1e18;

    for (size_t i = 0; i < TURNS; i++) {
        best = MIN(best, turn_ns(ours, text));
        base = MIN(base, turn_ns(run_yyjson, text));
    }
    printf("%-28s %7zu bytes %10.1f ns %8.0f MB/s   yyjson %10.1f ns %8.0f MB/s   ratio %.2f\n",
           name, text.n, best, (double)text.n / best * 1e3, base, (double)text.n / base * 1e3,
           best / base);
}

/* A string of LONG_BYTES made of copies of `unit`. */
static struct span long_string(char *out, const char *unit)
{
    size_t n = strlen(unit), at = 1;

    out[0] = '"';
    for (; at + n < LONG_BYTES; at += n)
        memcpy(out + at, unit, n);
    out[at++] = '"';
    return span_of(out, at);
}

int main(void)
{
    static char text[LONG_BYTES];
    static char stream[sizeof(event) + 16];
    int n = snprintf(stream, sizeof(stream), "data: %s\n\n", event);
    double best = 1e18;

    row("chat event, watched", run_scan, span_str(event));
    row("chat event, reset", run_next, span_str(event));
    row("chat event, only checked", run_check, span_str(event));
    row("long ASCII string", run_scan, long_string(text, "The keeper lit the lamp at dusk. "));
    row("long base64 string", run_scan, long_string(text, "aGVsbG8gd29ybGQrLz0x"));
    row("long string, escapes", run_scan,
        long_string(text, "for (;;) {\\n    puts(\\\"x\\\");\\n"));
    row("long Chinese string", run_scan, long_string(text, "\xE6\xBC\xA2\xE5\xAD\x97"));
    row("long Cyrillic string", run_scan, long_string(text, "\xD0\xBB\xD0\xB0\xD0\xBC "));
    for (size_t i = 0; i < TURNS; i++)
        best = MIN(best, turn_ns(run_sse, span_of(stream, (size_t)n)));
    printf("%-28s %7d bytes %10.1f ns %8.0f MB/s\n", "one event through sse", n, best,
           n / best * 1e3);
    return 0;
}
