/*
 * json_write.c - whatever goes in, valid JSON with the same strings comes out.
 *
 * The input is a small program: a byte chooses what to write (a container's begin or end, a
 * scalar), strings take their bytes from what follows. Must hold: the scanner accepts the
 * output, and every string that was UTF-8 reads back as it was.
 */
#include "codec/json_write.h"

#include "codec/json_scan.h"
#include "codec/utf8.h"

#define OUT_MAX (16U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool is_utf8(struct span s)
{
    const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;

    while (p < end) {
        size_t n = utf8_len(p, end);

        if (n == 0)
            return false;
        p += n;
    }
    return true;
}

static struct span take(struct span *in, size_t n)
{
    struct span s = span_of(in->p, MIN(n, in->n));

    in->p += s.n;
    in->n -= s.n;
    return s;
}

static uint64_t take_u64(struct span *in)
{
    struct span s = take(in, 8);
    uint64_t v = 0;

    memcpy(&v, s.p, s.n);
    return v;
}

static unsigned take_byte(struct span *in)
{
    struct span s = take(in, 1);

    return s.n ? (unsigned char)s.p[0] : 0;
}

static void write_scalar(struct json_write *w, struct span *in, unsigned op)
{
    uint64_t v;
    double d;

    switch (op) {
    case 0:
        json_string(w, take(in, take_byte(in)));
        break;
    case 1:
        json_uint(w, take_u64(in));
        break;
    case 2:
        json_int(w, (int64_t)take_u64(in));
        break;
    case 3:
        v = take_u64(in);
        memcpy(&d, &v, sizeof(d));
        json_double(w, d);
        break;
    case 4:
        json_bool(w, take_byte(in) & 1);
        break;
    case 5:
        json_raw(w, SPAN_LIT("{\"a\":[]}"));
        break;
    default:
        json_null(w);
    }
}

/* Run the program; at its end all containers are closed. */
static void write_all(struct json_write *w, struct span in)
{
    json_begin_array(w);
    while (in.n) {
        unsigned op = take_byte(&in) % 10;
        bool object = w->objects >> (w->depth - 1) & 1;

        if (op == 9) {
            if (w->depth == 1)
                continue;
            if (object)
                json_end_object(w);
            else
                json_end_array(w);
            continue;
        }
        if (object)
            json_key_span(w, take(&in, take_byte(&in)));
        if (op >= 7 && w->depth < JSON_SCAN_DEPTH - 2) {
            if (op == 7)
                json_begin_object(w);
            else
                json_begin_array(w);
        } else {
            write_scalar(w, &in, op);
        }
    }
    while (w->depth) {
        if (w->objects >> (w->depth - 1) & 1)
            json_end_object(w);
        else
            json_end_array(w);
    }
}

/* Write one string alone, read it back. */
static bool same(void *arg, const struct json_hit *hit)
{
    const struct span *want = arg;
    char *out = malloc(want->n + 1);

    MUST(out);
    MUST(json_unescape(hit->raw, out, want->n) == want->n);
    MUST(want->n == 0 || memcmp(out, want->p, want->n) == 0);
    MUST(want->n == 0 || json_unescape(hit->raw, out, want->n - 1) == SIZE_MAX);
    free(out);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const root[] = {""};
    static const struct json_watch watch = {root, 1};
    struct span in = {(const char *)data, len};
    struct json_write w;
    struct buf out;

    buf_init(&out, OUT_MAX);
    json_write_init(&w, &out);
    write_all(&w, in);
    MUST(buf_ok(&out));
    MUST(json_scan_all(NULL, buf_span(&out), NULL, NULL) == JSON_SCAN_DONE);
    buf_reset(&out);
    json_write_init(&w, &out);
    json_string(&w, in);
    MUST(buf_ok(&out));
    MUST(json_scan_all(is_utf8(in) ? &watch : NULL, buf_span(&out), same, &in) == JSON_SCAN_DONE);
    buf_fini(&out);
    return 0;
}
