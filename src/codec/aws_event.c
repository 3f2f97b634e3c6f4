/*
 * aws_event.c - see aws_event.h.
 *
 * Lengths are believed only as far as they are checked: those of a prelude when its CRC is right
 * and they fit each other, those of headers against the block that they stand in. What a prelude
 * announces is never allocated ahead; the held bytes grow as they come.
 */
#include "codec/aws_event.h"

#include <zlib.h>

#define PRELUDE 12 /* two lengths and their CRC */
#define CRC     4

static uint32_t be(const char *p, size_t n)
{
    uint32_t v = 0;

    for (size_t i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

/* Do the n bytes at p have the CRC that stands behind them? */
static bool crc_fits(const char *p, size_t n)
{
    return crc32(0, (const unsigned char *)p, (unsigned)n) == be(p + n, CRC);
}

/* ---- headers ---- */

struct header {
    struct span name, value;
    uint8_t type;
};

#define TYPE_STRING 7

/* How long a value is: a number of bytes, or a number that itself has so many bytes. */
static const struct {
    uint8_t fixed, counted;
} types[] = {
    {0, 0}, /* true */
    {0, 0}, /* false */
    {1, 0}, /* byte */
    {2, 0}, /* short */
    {4, 0}, /* integer */
    {8, 0}, /* long */
    {0, 2}, /* bytes */
    [TYPE_STRING] = {0, 2},
    {8, 0},  /* timestamp */
    {16, 0}, /* UUID */
};

/* Take n bytes off the front; false: there are not so many. */
static bool take(struct span *rest, size_t n, struct span *ret)
{
    if (n > rest->n)
        return false;
    *ret = span_of(rest->p, n);
    *rest = span_of(rest->p + n, rest->n - n);
    return true;
}

/* Take a number of n bytes. */
static bool take_number(struct span *rest, size_t n, size_t *ret)
{
    struct span s;

    if (!take(rest, n, &s))
        return false;
    *ret = be(s.p, n);
    return true;
}

static bool take_header(struct span *rest, struct header *ret)
{
    size_t n, type;

    if (!take_number(rest, 1, &n) || !take(rest, n, &ret->name) || !take_number(rest, 1, &type) ||
        type >= ARRAY_LEN(types))
        return false;
    ret->type = (uint8_t)type;
    n = types[type].fixed;
    if (types[type].counted && !take_number(rest, types[type].counted, &n))
        return false;
    return take(rest, n, &ret->value);
}

static bool headers_fit(struct span block)
{
    struct header h;

    while (block.n)
        if (!take_header(&block, &h))
            return false;
    return true;
}

struct span aws_event_header(const struct aws_event *m, const char *name)
{
    struct span rest = m->headers;
    struct header h;

    while (rest.n && take_header(&rest, &h))
        if (span_is(h.name, name))
            return h.type == TYPE_STRING ? h.value : span_of(NULL, 0);
    return span_of(NULL, 0);
}

/* ---- messages ---- */

void aws_event_init(struct aws_event_reader *r)
{
    *r = (struct aws_event_reader){0};
    buf_init(&r->held, AWS_EVENT_MAX);
}

void aws_event_fini(struct aws_event_reader *r)
{
    buf_fini(&r->held);
}

static enum aws_event_step bad(struct aws_event_reader *r, const char *why, struct err *e)
{
    r->bad = true;
    err_set(e, buf_ok(&r->held) ? ERR_PROTOCOL : ERR_NOMEM,
            "the event stream is broken at byte %llu: %s", (unsigned long long)r->at, why);
    return AWS_EVENT_BAD;
}

/* The first `want` bytes of the message in one piece; NULL: they are not all here, or there is no
 * memory for them. */
static const char *gather(struct aws_event_reader *r, const char *p, size_t n, size_t want,
                          size_t *used)
{
    if (r->held.n == 0 && n >= want) {
        *used = want;
        return p;
    }
    *used = MIN(n, want - r->held.n);
    buf_add(&r->held, p, *used);
    return buf_ok(&r->held) && r->held.n == want ? r->held.p : NULL;
}

/* Why the prelude is none, or NULL. */
static const char *read_prelude(struct aws_event_reader *r, const char *p)
{
    if (!crc_fits(p, PRELUDE - CRC))
        return "the checksum of a message's prelude is wrong";
    r->length = be(p, 4);
    r->headers = be(p + 4, 4);
    if (r->length > AWS_EVENT_MAX)
        return "a message is too long";
    if (r->headers > AWS_EVENT_HEADERS_MAX)
        return "the headers of a message are too long";
    if (r->length < PRELUDE + r->headers + CRC)
        return "the lengths of a message do not fit each other";
    return NULL;
}

static const char *read_message(const struct aws_event_reader *r, const char *p,
                                struct aws_event *ret)
{
    size_t n = r->length - CRC, before = PRELUDE + r->headers;

    if (!crc_fits(p, n))
        return "the checksum of a message is wrong";
    *ret = (struct aws_event){.headers = span_of(p + PRELUDE, r->headers),
                              .payload = span_of(p + before, n - before)};
    return headers_fit(ret->headers) ? NULL : "the headers of a message do not fit their length";
}

/* The message that was handed out is over. */
static void begin_next(struct aws_event_reader *r)
{
    r->at += r->length;
    r->length = 0;
    r->handed = false;
    buf_fini(&r->held);
}

enum aws_event_step aws_event_next(struct aws_event_reader *r, const char *p, size_t n,
                                   size_t *used, struct aws_event *ret, struct err *e)
{
    const char *whole, *why;
    size_t taken = 0;

    *used = 0;
    if (r->bad)
        return bad(r, "nothing is read behind a fault", e);
    if (r->handed)
        begin_next(r);
    if (r->length == 0) {
        whole = gather(r, p, n, PRELUDE, used);
        why = whole ? read_prelude(r, whole) : NULL;
        if (why || !buf_ok(&r->held))
            return bad(r, why ? why : "no memory", e);
        if (!whole)
            return AWS_EVENT_MORE;
        if (r->held.n == 0) /* it was only looked at: the message is taken in one piece */
            *used = 0;
    }
    whole = gather(r, p + *used, n - *used, r->length, &taken);
    *used += taken;
    if (!buf_ok(&r->held))
        return bad(r, "no memory", e);
    if (!whole)
        return AWS_EVENT_MORE;
    why = read_message(r, whole, ret);
    if (why)
        return bad(r, why, e);
    r->handed = true;
    return AWS_EVENT_WHOLE;
}

bool aws_event_at_boundary(const struct aws_event_reader *r)
{
    return !r->bad && (r->handed || (r->held.n == 0 && r->length == 0));
}
