/*
 * translate.c - requests and answers of any bytes between any two dialects.
 *
 * The first byte chooses the pair, the second whether the answer is streamed; then the request up
 * to a zero byte (none: a plain one), then the answer, whose events end at blank lines. Must hold:
 * a request that is taken is written as JSON; what a client gets is JSON, and the client's own
 * reader takes that; no terminal marker comes before the end.
 */
#include "dialect/translate.h"

#define MEGA ((size_t)1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define HI "{\"role\":\"user\",\"content\":\"hi\"}"

/* One of these is a request of every dialect. */
static const char *const plain[] = {
    "{\"model\":\"m\",\"stream\":true,\"max_tokens\":9,\"messages\":[" HI "]}",
    "{\"model\":\"m\",\"stream\":true,\"input\":\"hi\"}",
    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]}",
};

static int drop(void *arg, const struct chat_event *ev, struct err *e)
{
    UNUSED(arg);
    UNUSED(e);
    MUST(ev->kind <= CHAT_EVENT_USAGE);
    return 0;
}

static void check_request(const struct convert *target, struct span text)
{
    struct json_tree t = {0};
    struct chat_request q = {0};
    struct arena a;
    struct err e;

    arena_init(&a, 64 * MEGA);
    q.arena = &a;
    MUST(json_tree_read(&t, text, &e) == 0);
    if (target->read_request(&q, t.root, &e) < 0)
        MUST(e.code == ERR_PROTOCOL); /* one API is stricter than another; it says so itself */
    json_tree_fini(&t);
    arena_fini(&a);
}

/* The data of an event that we wrote: one line of it. */
static struct span data_of(struct span raw)
{
    while (span_has(raw)) {
        struct span line = span_cut(&raw, '\n');

        if (span_starts(line, SPAN_LIT("data:")))
            return span_trim(span_of(line.p + 5, line.n - 5));
    }
    return raw;
}

/* Each event that the client got, read as the client's dialect. */
static void check_events(const struct convert *client, struct span text)
{
    struct arena a;
    struct convert_reader r = {.c = client, .arena = &a, .sink = {drop, NULL}};
    const char *blank = client == &convert_gemini_generate ? "\r\n\r\n" : "\n\n";
    struct err e;

    arena_init(&a, 64 * MEGA);
    r.own = arena_zalloc(&a, client->reader_bytes);
    while (text.n) {
        const char *end = memmem(text.p, text.n, blank, strlen(blank));
        struct json_tree t = {0};
        struct span data;

        MUST(end);
        data = data_of(span_of(text.p, (size_t)(end - text.p)));
        if (data.n && !span_is(data, "[DONE]")) {
            MUST(json_tree_read(&t, data, &e) == 0);
            MUST(client->read_event(&r, SPAN_LIT(""), t.root, &e) == 0 || e.code != ERR_PROTOCOL);
        }
        json_tree_fini(&t);
        end += strlen(blank);
        text = span_of(end, text.n - (size_t)(end - text.p));
    }
    arena_fini(&a);
}

static void check_whole(const struct convert *client, struct span text)
{
    struct arena a;
    struct convert_reader r = {.c = client, .arena = &a, .sink = {drop, NULL}};
    struct json_tree t = {0};
    struct err e;

    arena_init(&a, 64 * MEGA);
    r.own = arena_zalloc(&a, client->reader_bytes);
    MUST(json_tree_read(&t, text, &e) == 0);
    MUST(client->read_answer(&r, t.root, &e) == 0);
    json_tree_fini(&t);
    arena_fini(&a);
}

static void answer_in_events(struct translate *t, const struct convert *client, struct span s)
{
    struct buf out;
    struct err e;
    int rc = 0;

    buf_init(&out, 64 * MEGA);
    while (s.n && rc == 0) {
        const char *end = memmem(s.p, s.n, "\n\n", 2);
        size_t n = end ? (size_t)(end - s.p) + 2 : s.n;

        rc = translate_event(t, span_of(s.p, n), &out, &e);
        s = span_of(s.p + n, s.n - n);
    }
    MUST(out.n == 0 || !memmem(out.p, out.n, "\ndata: [DONE]", 13));
    if (rc == 0 && translate_end(t, &out, &e) == 0)
        check_events(client, buf_span(&out));
    buf_fini(&out);
}

static void answer_whole(struct translate *t, const struct convert *client, struct span s)
{
    struct buf out;
    struct err e;

    buf_init(&out, 64 * MEGA);
    if (translate_answer(t, s, false, &out, &e) == 0)
        check_whole(client, buf_span(&out));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct translate_conf conf = {
        .model = SPAN_LIT("m"), .id = SPAN_LIT("r_1"), .created = 1, .answer_max = 16 * MEGA};
    struct convert_to to = {.model = SPAN_LIT("m"), .max_tokens = 4096};
    struct span rest, request;
    struct translate *t = NULL;
    struct buf out;
    struct err e;

    if (len < 2 || len > 64 * 1024)
        return 0;
    conf.client = convert_row(data[0] % CONVERTS);
    conf.target = convert_row(data[0] / CONVERTS % CONVERTS);
    if (!convert_serves(conf.client))
        return 0;
    to.signer = conf.target->signer;
    rest = span_of((const char *)data + 2, len - 2);
    request = span_cut(&rest, '\0');
    if (!span_has(rest)) {
        rest = request;
        for (size_t i = 0; i < ARRAY_LEN(plain) && !t; i++)
            if (translate_new(&t, &conf, span_str(plain[i]), &e) < 0)
                MUST(e.code == ERR_PROTOCOL);
        MUST(t);
    } else if (translate_new(&t, &conf, request, &e) < 0) {
        MUST(e.text[0] != '\0');
        return 0;
    }
    buf_init(&out, 64 * MEGA);
    if (translate_obstacle(t) == CHAT_FEATURES && translate_request(t, &out, &to, &e) == 0)
        check_request(conf.target, buf_span(&out));
    buf_reset(&out);
    translate_dropped(t, &out);
    if (data[1] & 1)
        answer_in_events(t, conf.client, rest);
    else
        answer_whole(t, conf.client, rest);
    translate_free(&t);
    buf_fini(&out);
    return 0;
}
