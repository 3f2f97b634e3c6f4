/*
 * kinds.c - see kinds.h.
 */
#include "kinds.h"

/* clang-format off: each line of these texts is a line on the wire */
static const char chat_stream[] =
    EVENT("{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null")
        EVENT("{\"content\":\"Hello\"},\"finish_reason\":null") ": a comment\n\n" EVENT(
            "{\"content\":\" w\\u00f6rld \\ud83d\\ude00\"},\"finish_reason\":null")
            EVENT("{},\"finish_reason\":\"stop\"") "data: "
                                                   "{\"id\":\"c1\",\"object\":\"chat.completion."
                                                   "chunk\",\"model\":\"small\",\"choices\":[],"
                                                   "\"usage\":{\"prompt_tokens\":7,\"completion_"
                                                   "tokens\":3,\"total_tokens\":10}}\n\n"
                                                   "data: [DONE]\n\n";

#define NAMED(name, json) "event: " name "\ndata: {\"type\":\"" name "\"" json "}\n\n"

static const char messages_stream[] = NAMED(
    "message_start", ",\"message\":{\"id\":\"m1\",\"type\":\"message\",\"role\":\"assistant\","
                     "\"model\":\"large\",\"content\":[],\"stop_reason\":null,"
                     "\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}")
    NAMED("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
        NAMED("ping", "")
            NAMED("content_block_delta",
                  ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}")
                NAMED("content_block_delta",
                      ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" you\"}")
                    NAMED("content_block_stop", ",\"index\":0") NAMED(
                        "message_delta",
                        ",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":3}")
                        NAMED("message_stop", "");

/* clang-format on */

static const char stream_head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                                  "transfer-encoding: chunked\r\nx-secret: no\r\n\r\n";

const struct kind kinds[KINDS] = {
    {"chat", "/v1/chat/completions", REQUEST("small", "\"stream\":true,"), chat_stream,
     sizeof(chat_stream) - 1, "\"stop\""},
    {"messages", "/v1/messages", REQUEST("large", "\"stream\":true,\"max_tokens\":9,"),
     messages_stream, sizeof(messages_stream) - 1, "event: message_stop"},
};

struct span kind_keyed(struct buf *b, const char *path, const char *body, const char *key)
{
    buf_reset(b);
    buf_printf(b,
               "POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
               "authorization: Bearer client-key\r\n%s%s%scontent-length: %zu\r\n\r\n%s",
               path, key ? "idempotency-key: " : "", key ? key : "", key ? "\r\n" : "",
               strlen(body), body);
    return buf_span(b);
}

struct span kind_request(struct buf *b, const char *path, const char *body)
{
    return kind_keyed(b, path, body, NULL);
}

struct twin_script kind_script(const struct kind *k)
{
    return (struct twin_script){
        .head = span_of(stream_head, sizeof(stream_head) - 1),
        .body = span_of(k->stream, k->n),
        .chunked = true,
        .piece_max = 100,
        .gap_max = EV_MS(20),
        .cut_at = SIZE_MAX,
        .end = TWIN_WHOLE,
    };
}

size_t kind_complete_at(const struct kind *k)
{
    return (size_t)(strstr(strstr(k->stream, k->last), "\n\n") + 2 - k->stream);
}

void kind_check_truth(const struct kind *k, const struct twin *t, const struct twin_client *c,
                      size_t cut, const char *what)
{
    struct span error = SPAN_LIT("\"error\":{"), said;
    struct span alive = k == &kinds[0] ? SPAN_LIT(": keep-alive\n\n")
                                       : SPAN_LIT("event: ping\ndata: {\"type\": \"ping\"}\n\n");
    struct buf body;
    unsigned status;
    bool clean;
    size_t same = 0;

    buf_init(&body, 65536);
    clean = twin_parse(buf_span(&c->in), &status, &body);
    said = buf_span(&body);
    while (span_starts(said, alive)) /* it waited long for its content */
        said = span_of(said.p + alive.n, said.n - alive.n);
    while (same < said.n && same < cut && said.p[same] == k->stream[same])
        same++;
    if (cut >= kind_complete_at(k)) {
        if (!clean || status != 200 || t->record.outcome != OUTCOME_FULL)
            fail_msg("%s, cut at %zu: a complete answer was not delivered as one", what, cut);
        if (same < kind_complete_at(k))
            fail_msg("%s, cut at %zu: bytes differ at %zu", what, cut, same);
    } else if (status == 200) {
        if (clean)
            fail_msg("%s, cut at %zu: a false completion: %.*s", what, cut,
                     SPAN_FMT(buf_span(&c->in)));
        if (!span_contains(buf_span(&body), error))
            fail_msg("%s, cut at %zu: no error event", what, cut);
        if (t->record.outcome != OUTCOME_FAILED)
            fail_msg("%s, cut at %zu: outcome %u", what, cut, t->record.outcome);
    } else {
        if (status < 500 || !span_contains(buf_span(&body), error))
            fail_msg("%s, cut at %zu: status %u without an error body", what, cut, status);
    }
    if (t->records != 1)
        fail_msg("%s, cut at %zu: %u records", what, cut, t->records);
    buf_fini(&body);
}
