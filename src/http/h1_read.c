/*
 * h1_read.c - llhttp behind a pull interface: every callback that matters pauses the parser, so
 * that whoever drives it acts between two steps and never inside a callback.
 *
 * The bytes of a head are gathered in one buf, fields are remembered as offsets, and turned into
 * spans once, when the head is whole and the buf will not move any more.
 */
#include "http/h1_read.h"

#include "base/mem.h"
#include "http/head.h"

static struct h1_read *of(llhttp_t *p)
{
    return CONTAINER_OF(p, struct h1_read, parser);
}

static int refuse(struct h1_read *r, uint16_t status, const char *why)
{
    r->bad_status = status;
    r->why = why;
    return -1;
}

static int add_text(struct h1_read *r, const char *p, size_t n)
{
    buf_add(&r->text, p, n);
    return buf_ok(&r->text) ? 0 : refuse(r, 503, "no memory for the head");
}

static int on_message_begin(llhttp_t *p)
{
    struct h1_read *r = of(p);

    r->in_message = true;
    return 0;
}

static int on_url(llhttp_t *p, const char *at, size_t n)
{
    struct h1_read *r = of(p);

    if (r->target_n == 0)
        r->target = (uint32_t)r->text.n;
    r->target_n += (uint32_t)n;
    if (r->target_n > r->limits.path_bytes)
        return refuse(r, 414, "the request target is longer than the limit");
    if (n && !head_target_ok(span_of(at, n)))
        return refuse(r, 400, "the request target has a byte that may not be there");
    return add_text(r, at, n);
}

static int on_url_complete(llhttp_t *p)
{
    struct h1_read *r = of(p);

    if (p->http_minor == 9) /* the line ended here */
        return refuse(r, 505, "an HTTP version other than 1.0 and 1.1");
    r->in_proto = r->target_done = true;
    return HPE_PAUSED; /* h1_read_next() looks at what follows */
}

static int grow_fields(struct h1_read *r)
{
    size_t cap = r->at_cap ? r->at_cap * 2 : 16;
    struct h1_field_at *at = mem_realloc(r->at, cap * sizeof(*at));

    if (!at)
        return refuse(r, 503, "no memory for the head");
    r->at = at;
    r->at_cap = cap;
    return 0;
}

static int on_field(llhttp_t *p, const char *at, size_t n)
{
    struct h1_read *r = of(p);
    struct h1_field_at *f;
    char *name;

    if (r->head_done)
        return 0; /* trailers are read and dropped */
    if (r->at_n == 0 || r->in_value) {
        if (r->at_n == r->at_cap && grow_fields(r) < 0)
            return -1;
        r->at[r->at_n++] = (struct h1_field_at){.name = (uint32_t)r->text.n};
        r->in_value = false;
    }
    f = &r->at[r->at_n - 1];
    if (add_text(r, at, n) < 0)
        return -1;
    name = r->text.p + r->text.n - n;
    for (size_t i = 0; i < n; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] = (char)(name[i] - 'A' + 'a');
    f->name_n += (uint32_t)n;
    return 0;
}

/* Counted when the name is whole: a piece that ends within it must not change the verdict. */
static int on_field_complete(llhttp_t *p)
{
    struct h1_read *r = of(p);

    if (!r->head_done && r->at_n > r->limits.fields)
        return refuse(r, r->request ? 431 : 502, "more header fields than the limit");
    return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
    struct h1_read *r = of(p);
    struct h1_field_at *f;

    if (r->head_done)
        return 0;
    if (!EXPECT(r->at_n > 0))
        return refuse(r, 400, "a value without a field");
    f = &r->at[r->at_n - 1];
    if (!r->in_value) {
        f->value = (uint32_t)r->text.n;
        r->in_value = true;
    }
    f->value_n += (uint32_t)n;
    return add_text(r, at, n);
}

static int on_value_complete(llhttp_t *p)
{
    of(p)->in_value = true; /* also for an empty value, which has no span */
    return 0;
}

/* ---- the head is whole ---- */

struct framing {
    struct span host, encoding, length;
    unsigned hosts, encodings, lengths;
};

/* Fields that are framing or belong to one hop: read here, not passed on. */
static bool take_framing(struct h1_read *r, struct framing *f, struct span name, struct span value)
{
    if (span_is(name, "host")) {
        f->host = value;
        f->hosts++;
        return true;
    }
    if (span_is(name, "transfer-encoding")) {
        f->encoding = value;
        f->encodings++;
        return true;
    }
    if (span_is(name, "content-length")) {
        f->length = value;
        f->lengths++;
        return true;
    }
    if (span_is(name, "expect"))
        r->expect_continue = span_eq_nocase(value, SPAN_LIT("100-continue"));
    return head_is_hop(name);
}

static int check_framing(struct h1_read *r, const struct framing *f)
{
    uint16_t status = r->request ? 400 : 502;

    if (f->encodings > 1 || f->lengths > 1)
        return refuse(r, status, "the length of the body is given twice");
    if (f->encodings && f->lengths)
        return refuse(r, status, "content-length together with transfer-encoding");
    if (f->encodings && !span_eq_nocase(f->encoding, SPAN_LIT("chunked")))
        return refuse(r, status, "a transfer-encoding other than chunked");
    if (f->encodings && r->head.version == 10)
        return refuse(r, status, "transfer-encoding in HTTP/1.0");
    r->chunked = f->encodings == 1;
    if (!r->request)
        return 0;
    if (f->hosts > 1 || (f->hosts == 0 && r->head.version == 11))
        return refuse(r, 400, "there must be one host field");
    if (f->hosts && !head_host_ok(f->host))
        return refuse(r, 400, "the host field is not a host");
    return 0;
}

/* "http://host/path" names the host twice: both must agree, then it is as "/path". */
static int origin_form(struct h1_read *r, struct span host)
{
    static const char *const schemes[] = {"http://", "https://"};
    struct span t = r->head.path, rest = {NULL, 0}, named;

    if (r->parser.method == HTTP_CONNECT)
        return refuse(r, 501, "this is not a proxy for tunnels");
    if (span_starts(t, SPAN_LIT("/")))
        return 0;
    if (span_is(t, "*") && r->parser.method == HTTP_OPTIONS)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct span scheme = span_str(schemes[i]);

        if (span_starts(t, scheme))
            rest = span_of(t.p + scheme.n, t.n - scheme.n);
    }
    if (!span_has(rest))
        return refuse(r, 400, "the request target is neither a path nor a URL");
    named = rest;
    named.n = MIN(rest.n, span_find(rest, '/'));
    if (!head_host_ok(named) || !span_eq_nocase(named, host))
        return refuse(r, 400, "the request target names another host than the host field");
    r->head.path = named.n == rest.n ? SPAN_LIT("/") : span_of(rest.p + named.n, rest.n - named.n);
    return 0;
}

static int build_head(struct h1_read *r)
{
    struct framing f = {0};
    size_t n = 0;

    r->head.version = (uint8_t)(r->parser.http_major * 10 + r->parser.http_minor);
    if (r->head.version != 10 && r->head.version != 11)
        return refuse(r, r->request ? 505 : 502, "an HTTP version other than 1.0 and 1.1");
    r->fields = mem_alloc(MAX(r->at_n, (size_t)1) * sizeof(*r->fields));
    if (!r->fields)
        return refuse(r, 503, "no memory for the head");
    for (size_t i = 0; i < r->at_n; i++) {
        const struct h1_field_at *a = &r->at[i];
        struct span name = span_of(r->text.p + a->name, a->name_n);
        struct span value = span_trim(span_of(r->text.p + a->value, a->value_n));

        if (r->request && span_find(name, '_') != SIZE_MAX)
            continue;
        if (!take_framing(r, &f, name, value))
            r->fields[n++] = (struct http_field){name, value};
    }
    r->head.fields = r->fields;
    r->head.fields_n = n;
    if (check_framing(r, &f) < 0)
        return -1;
    if (r->request) {
        r->head.method = span_str(llhttp_method_name((llhttp_method_t)r->parser.method));
        r->head.path = span_of(r->text.p + r->target, r->target_n);
        r->head.authority = f.host;
        return origin_form(r, f.host);
    }
    if (r->parser.status_code < 100 || r->parser.status_code > 599)
        return refuse(r, 502, "the status is none of HTTP");
    r->head.status = r->parser.status_code;
    return 0;
}

/* How long is the body? RFC 9112, section 6.3. */
static void body_length(struct h1_read *r)
{
    if (!r->request && (r->head_only || head_bodyless(r->head.status))) {
        r->head.body_len = 0;
        r->chunked = false;
        r->parser.flags |= F_SKIPBODY;
    } else if (r->chunked) {
        r->head.body_len = HTTP_LEN_UNKNOWN;
    } else if (r->parser.flags & F_CONTENT_LENGTH) {
        r->head.body_len = r->parser.content_length;
    } else if (r->request) {
        r->head.body_len = 0;
    } else {
        r->head.body_len = HTTP_LEN_UNKNOWN;
        r->until_eof = true;
    }
}

static int too_large(struct h1_read *r)
{
    return refuse(r, r->request ? 413 : 502, "the body is larger than the limit");
}

static void begin_chunk_line(struct h1_read *r, bool on)
{
    r->in_chunk_line = r->in_digits = on;
    r->chunk_line = r->chunk_digits = 0;
}

static int on_headers_complete(llhttp_t *p)
{
    struct h1_read *r = of(p);

    if (build_head(r) < 0)
        return -1;
    body_length(r);
    if (!r->chunked && !r->until_eof &&
        (r->head.body_len > r->limits.body_bytes || r->head.body_len == HTTP_LEN_UNKNOWN)) {
        r->expect_continue = false;
        (void)too_large(r);
        if (!r->request || r->head.body_len == HTTP_LEN_UNKNOWN)
            return -1; /* 2^64 - 1 is a length, and not "unknown" */
    }
    /* 1.0 ends with its connection: what "keep-alive" meant there was never written down. */
    r->keep_alive = r->head.version == 11 && !r->until_eof && llhttp_should_keep_alive(p);
    p->upgrade = 0; /* an offer to switch protocols is declined by ignoring it */
    r->head_done = true;
    begin_chunk_line(r, r->chunked);
    r->pending = H1_HEAD;
    return HPE_PAUSED;
}

/* ---- the body ---- */

static int on_chunk_header(llhttp_t *p)
{
    struct h1_read *r = of(p);

    r->in_chunk_line = false;
    r->in_trailer = p->content_length == 0;
    r->overhead = 0;
    return HPE_PAUSED; /* h1_read_next() looks at the line */
}

static int on_chunk_complete(llhttp_t *p)
{
    begin_chunk_line(of(p), true);
    return HPE_PAUSED;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
    struct h1_read *r = of(p);
    uint64_t room = r->limits.body_bytes - r->body_seen;

    if (n == 0)
        return 0;
    if (n > room && (too_large(r), room == 0)) /* what fits is given first, whatever the cut */
        return -1;
    n = MIN(n, (size_t)room);
    r->body_seen += n;
    r->run = span_of(at, n);
    r->pending = H1_BODY;
    return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *p)
{
    struct h1_read *r = of(p);

    r->pending = H1_END;
    r->in_message = false;
    return HPE_PAUSED;
}

/* ---- driving ---- */

static void take_limits(struct h1_read *r)
{
    r->limits = *r->conf;
    buf_init(&r->text, r->limits.head_bytes);
}

void h1_read_init(struct h1_read *r, bool request, const struct http_limits *limits)
{
    memset(r, 0, sizeof(*r));
    r->request = request;
    r->conf = limits;
    llhttp_settings_init(&r->settings);
    r->settings.on_message_begin = on_message_begin;
    r->settings.on_url = on_url;
    r->settings.on_url_complete = on_url_complete;
    r->settings.on_header_field = on_field;
    r->settings.on_header_field_complete = on_field_complete;
    r->settings.on_header_value = on_value;
    r->settings.on_header_value_complete = on_value_complete;
    r->settings.on_headers_complete = on_headers_complete;
    r->settings.on_chunk_header = on_chunk_header;
    r->settings.on_chunk_complete = on_chunk_complete;
    r->settings.on_body = on_body;
    r->settings.on_message_complete = on_message_complete;
    llhttp_init(&r->parser, request ? HTTP_REQUEST : HTTP_RESPONSE, &r->settings);
    take_limits(r);
}

static void forget_message(struct h1_read *r)
{
    buf_fini(&r->text);
    mem_free_ptr(&r->at);
    mem_free_ptr(&r->fields);
    r->head = (struct http_head){0};
    r->at_n = r->at_cap = 0;
    r->target = r->target_n = 0;
    r->body_seen = 0;
    r->in_value = r->head_done = r->in_trailer = r->in_proto = r->target_done = false;
    r->chunked = r->until_eof = r->expect_continue = r->paused = false;
    begin_chunk_line(r, false);
    r->overhead = r->proto = 0;
}

void h1_read_fini(struct h1_read *r)
{
    forget_message(r);
}

bool h1_read_idle(const struct h1_read *r)
{
    return !r->in_message;
}

static struct h1_step bad(struct h1_read *r, size_t used)
{
    if (!r->why) {
        bool version = llhttp_get_errno(&r->parser) == HPE_INVALID_VERSION &&
                       (r->parser.http_major != 1 || r->parser.http_minor > 1);

        r->bad_status = !r->request ? 502 : version ? 505 : 400;
        r->why = llhttp_get_error_reason(&r->parser);
        if (!r->why || !r->why[0])
            r->why = "not HTTP/1.1";
    }
    return (struct h1_step){.ev = H1_BAD, .used = used};
}

/* A message has ended and another byte has come: start the next one. */
static void next_message(struct h1_read *r)
{
    forget_message(r);
    take_limits(r);
    llhttp_reset(&r->parser);
}

/* What belongs to no body is counted, so that neither a head, a size line nor a trailer is
 * endless. NULL: a body. */
static size_t *count_of(struct h1_read *r, size_t *most, const char **why)
{
    *most = r->limits.head_bytes;
    if (!r->head_done) {
        *why = "the head is larger than the limit";
        return &r->overhead;
    }
    if (r->in_trailer) {
        *why = "the trailer is larger than the limit";
        return &r->overhead;
    }
    *most = H1_CHUNK_LINE;
    *why = "a chunk-size line is too long";
    return r->in_chunk_line ? &r->chunk_line : NULL;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* What llhttp lets pass: sizes that begin with any number of zeros, and RTSP. */
static int look_at(struct h1_read *r, const char *p, size_t n, bool line, bool proto)
{
    static const char word[] = "HTTP/";

    for (size_t i = 0; i < n && line && r->in_digits; i++) {
        r->in_digits = is_hex(p[i]);
        if (r->in_digits && ++r->chunk_digits > H1_CHUNK_DIGITS)
            return refuse(r, r->request ? 400 : 502, "a chunk size has too many digits");
    }
    if (line && !r->in_chunk_line && r->parser.content_length > r->limits.body_bytes - r->body_seen)
        return too_large(r);
    for (size_t i = 0; i < n && proto && r->in_proto; i++) {
        if (p[i] == ' ' && r->proto == 0)
            continue;
        if (p[i] != word[r->proto])
            return refuse(r, 400, "not HTTP");
        r->in_proto = ++r->proto < sizeof(word) - 1;
    }
    return 0;
}

/* How many of `take` bytes may be parsed now, so that each bound is met at its very byte; *count is
 * what counts them, NULL: nothing does. With r->why set afterwards the bound was passed. */
static size_t bounded(struct h1_read *r, size_t take, size_t **count)
{
    const char *why;
    size_t most;

    *count = count_of(r, &most, &why);
    if (*count && take) {
        take = MIN(take, most - **count);
        if (take == 0)
            (void)refuse(r, r->request ? (r->in_chunk_line ? 400 : 431) : 502, why);
    }
    if (r->request && !r->target_done && take) /* so that it ends at its bound, not behind it */
        take = MIN(take, MAX((size_t)1, r->limits.path_bytes - r->target_n));
    return take;
}

struct h1_step h1_read_next(struct h1_read *r, const char *p, size_t n)
{
    size_t used = 0;

    if (n && r->head_done && !r->in_message && !r->why)
        next_message(r);
    while (!r->why && (used < n || r->paused)) {
        bool line = r->in_chunk_line, proto = r->in_proto;
        const char *at = n ? p + used : "";
        size_t *count, take = bounded(r, n - used, &count);
        llhttp_errno_t err;

        if (r->why)
            break;
        r->pending = H1_MORE;
        err = llhttp_execute(&r->parser, at, take);
        if (err != HPE_OK)
            take = (size_t)(llhttp_get_error_pos(&r->parser) - at);
        used += take;
        r->paused = err == HPE_PAUSED && r->pending != H1_END;
        if (count)
            *count += take;
        if (err != HPE_OK && err != HPE_PAUSED)
            return bad(r, used);
        if (look_at(r, at, take, line, proto) < 0)
            break;
        if (err == HPE_PAUSED)
            llhttp_resume(&r->parser);
        if (r->pending != H1_MORE)
            return (struct h1_step){r->pending, used, r->run};
    }
    if (r->why)
        return bad(r, used);
    return (struct h1_step){.ev = H1_MORE, .used = used};
}

enum h1_event h1_read_eof(struct h1_read *r)
{
    if (r->why)
        return H1_BAD;
    if (!r->in_message)
        return H1_MORE;
    if (r->head_done && r->until_eof) {
        r->in_message = false;
        return H1_END;
    }
    (void)refuse(r, r->request ? 400 : 502, "the message ends early");
    return H1_BAD;
}
