/*
 * reframe.c - see reframe.h.
 *
 * Data is written line by line (a payload with line ends in it stays one event, whose lines its
 * reader joins again), so bytes that are JSON come out as the same JSON. What names an event must
 * be one line: nobody smuggles an event in by a name.
 */
#include "codec/reframe.h"

#include "base/base64.h"
#include "codec/json_scan.h"
#include "codec/json_write.h"

static const char *const content_types[] = {
    [REFRAME_NONE] = "text/event-stream",
    [REFRAME_NDJSON] = "application/x-ndjson",
    [REFRAME_AWS] = "application/vnd.amazon.eventstream",
};

const char *reframe_type(enum reframe_kind kind)
{
    return content_types[kind];
}

void reframe_init(struct reframe *r, enum reframe_kind kind)
{
    MUST(kind != REFRAME_NONE);
    *r = (struct reframe){.kind = kind};
    aws_event_init(&r->aws);
    buf_init(&r->line, REFRAME_LINE_MAX);
}

void reframe_fini(struct reframe *r)
{
    aws_event_fini(&r->aws);
    buf_fini(&r->line);
}

/* ---- writing ---- */

static size_t line_length(struct span s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] != '\n' && s.p[n] != '\r')
        n++;
    return n;
}

/* An event; name absent: it has none. */
static void add_event(struct buf *out, struct span name, struct span data)
{
    if (span_has(name)) {
        buf_add_str(out, "event: ");
        buf_add_span(out, name);
        buf_add_char(out, '\n');
    }
    for (;;) {
        size_t n = line_length(data);

        buf_add_str(out, "data: ");
        buf_add(out, data.p, n);
        buf_add_char(out, '\n');
        if (n == data.n)
            break;
        n += data.n - n > 1 && data.p[n] == '\r' && data.p[n + 1] == '\n' ? 2 : 1;
        data = span_of(data.p + n, data.n - n);
    }
    buf_add_char(out, '\n');
}

/* ---- reading single members ---- */

static bool on_string(void *arg, const struct json_hit *h)
{
    struct span *ret = arg;

    if (h->type == JSON_STRING)
        *ret = h->raw;
    return true;
}

/* A string of the root object, still escaped; absent: there is none, or the text is no JSON. */
static struct span member(struct span json, const char *key)
{
    const struct json_watch watch = {&key, 1};
    struct span ret = {NULL, 0};

    return json_scan_all(&watch, json, on_string, &ret) == JSON_SCAN_DONE ? ret : span_of(NULL, 0);
}

/* ---- AWS ---- */

static int broken(struct err *e, const char *why)
{
    return err_set(e, ERR_PROTOCOL, "the event stream is broken: %s", why);
}

/* A name that can stand behind "event: " without being read as anything else. */
static bool is_name(struct span s)
{
    return s.n > 0 && line_length(s) == s.n;
}

/* What the base64 text of a chunk holds. */
static int decode(struct buf *out, struct span raw, struct err *e)
{
    struct buf text;
    char *p;
    int rc;

    buf_init(&text, AWS_EVENT_MAX);
    p = buf_reserve(&text, raw.n);
    if (p)
        buf_commit(&text, json_unescape(raw, p, raw.n)); /* never longer than its spelling */
    rc = buf_finish(&text, "chunk", e);
    if (rc == 0 && base64_decode(out, buf_span(&text)) < 0)
        rc = broken(e, "the bytes of a chunk are no base64");
    buf_fini(&text);
    return rc < 0 ? -1 : buf_finish(out, "chunk", e);
}

/* The event inside of a chunk. */
static int add_chunk(struct buf *out, struct span payload, struct err *e)
{
    struct span raw = member(payload, "bytes"), type;
    struct buf inner;
    int rc;

    if (!span_has(raw))
        return broken(e, "a chunk without bytes");
    buf_init(&inner, AWS_EVENT_MAX);
    rc = decode(&inner, raw, e);
    type = member(buf_span(&inner), "type");
    if (rc == 0)
        add_event(out, is_name(type) ? type : span_of(NULL, 0), buf_span(&inner));
    buf_fini(&inner);
    return rc;
}

/* type: as the header says it; message: the inside of a JSON string. */
static void add_error(struct buf *out, struct span type, struct span message)
{
    buf_add_str(out, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"");
    json_escape(out, type);
    buf_add_str(out, "\",\"message\":\"");
    buf_add_span(out, message);
    buf_add_str(out, "\"}}\n\n");
}

static int add_named(struct buf *out, const struct aws_event *m, struct err *e)
{
    struct span name = aws_event_header(m, ":event-type");

    if (!is_name(name))
        return broken(e, "an event without a name");
    if (span_is(name, "chunk"))
        return add_chunk(out, m->payload, e);
    add_event(out, name, m->payload);
    return 0;
}

static int add_exception(struct buf *out, const struct aws_event *m, struct err *e)
{
    UNUSED(e);
    add_error(out, aws_event_header(m, ":exception-type"), member(m->payload, "message"));
    return 0;
}

static int add_failure(struct buf *out, const struct aws_event *m, struct err *e)
{
    struct buf message;
    int rc;

    buf_init(&message, AWS_EVENT_MAX);
    json_escape(&message, aws_event_header(m, ":error-message"));
    add_error(out, aws_event_header(m, ":error-code"), buf_span(&message));
    rc = buf_finish(&message, "error", e);
    buf_fini(&message);
    return rc;
}

static int add_message(struct buf *out, const struct aws_event *m, struct err *e)
{
    static const struct {
        const char *type;
        int (*add)(struct buf *out, const struct aws_event *m, struct err *e);
    } rows[] = {{"event", add_named}, {"exception", add_exception}, {"error", add_failure}};
    struct span type = aws_event_header(m, ":message-type");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (span_is(type, rows[i].type))
            return rows[i].add(out, m, e);
    return broken(e, "a message of no known type");
}

static int feed_aws(struct reframe *r, struct span bytes, struct buf *out, struct err *e)
{
    for (;;) {
        struct aws_event m;
        size_t used;

        switch (aws_event_next(&r->aws, bytes.p, bytes.n, &used, &m, e)) {
        case AWS_EVENT_MORE:
            return 0;
        case AWS_EVENT_BAD:
            return -1;
        case AWS_EVENT_WHOLE:
            if (add_message(out, &m, e) < 0)
                return -1;
            break;
        }
        bytes = span_of(bytes.p + used, bytes.n - used);
    }
}

/* ---- NDJSON ---- */

static struct span without_cr(struct span line)
{
    return line.n && line.p[line.n - 1] == '\r' ? span_of(line.p, line.n - 1) : line;
}

static void add_line(struct buf *out, struct span line)
{
    line = span_trim(without_cr(line));
    if (line.n)
        add_event(out, span_of(NULL, 0), line);
}

static int feed_ndjson(struct reframe *r, struct span bytes, struct buf *out, struct err *e)
{
    while (bytes.n) {
        size_t n = MIN(span_find(bytes, '\n'), bytes.n);
        struct span line = span_of(bytes.p, n);

        if (r->line.n || n == bytes.n) {
            buf_add_span(&r->line, line);
            if (buf_finish(&r->line, "line", e) < 0)
                return -1;
            line = buf_span(&r->line);
        }
        if (n == bytes.n)
            return 0;
        add_line(out, line);
        buf_fini(&r->line);
        bytes = span_of(bytes.p + n + 1, bytes.n - n - 1);
    }
    return 0;
}

/* ---- both ---- */

int reframe_feed(struct reframe *r, struct span bytes, struct buf *out, struct err *e)
{
    int rc = r->kind == REFRAME_AWS ? feed_aws(r, bytes, out, e) : feed_ndjson(r, bytes, out, e);

    return rc < 0 ? -1 : buf_finish(out, "events", e);
}

int reframe_end(struct reframe *r, struct buf *out, struct err *e)
{
    struct span line = buf_span(&r->line);

    if (r->kind == REFRAME_AWS)
        return aws_event_at_boundary(&r->aws) ? 0 : broken(e, "it ended inside of a message");
    if (span_trim(without_cr(line)).n == 0)
        return 0;
    if (json_scan_all(NULL, line, NULL, NULL) != JSON_SCAN_DONE)
        return err_set(e, ERR_PROTOCOL, "the stream ended inside of a line");
    add_line(out, line);
    buf_fini(&r->line);
    return buf_finish(out, "events", e);
}
