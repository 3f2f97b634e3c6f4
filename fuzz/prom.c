/*
 * prom.c - the reader of pages for Prometheus, against itself cut elsewhere.
 *
 * The first byte of the input chooses the cut. Must hold: no cut changes the samples nor how many
 * lines are passed over, labels are found in what is told to be labels, and a page of lines that
 * are written anew from the samples has the same samples.
 */
#include "codec/prom.h"

#include <math.h>

#include "base/buf.h"

#define OUT_MAX (16U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* As a line that says the same; values that a double has not whole are not compared. */
static void on_sample(void *arg, const struct prom_sample *s)
{
    struct buf *out = arg;

    MUST(s->name.n);
    UNUSED(prom_label(s, "block_size"));
    UNUSED(prom_label(s, ""));
    buf_add_span(out, s->name);
    if (span_has(s->labels)) {
        buf_add_char(out, '{');
        buf_add_span(out, s->labels);
        buf_add_char(out, '}');
    }
    buf_printf(out, " %.6g\n", s->value);
}

static uint64_t read_page(struct buf *out, struct span s, size_t piece)
{
    struct prom p;

    buf_reset(out);
    prom_init(&p, on_sample, out);
    for (size_t at = 0; at < s.n; at += piece) {
        size_t n = MIN(piece, s.n - at);
        char *copy = malloc(n);

        MUST(copy);
        memcpy(copy, s.p + at, n);
        prom_feed(&p, copy, n);
        free(copy);
    }
    prom_end(&p);
    return p.passed_over;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf want, got;
    struct span s;
    uint64_t over;

    if (len < 2)
        return 0;
    s = span_of((const char *)data + 1, len - 1);
    buf_init(&want, OUT_MAX);
    buf_init(&got, OUT_MAX);
    over = read_page(&want, s, s.n);
    MUST(read_page(&got, s, 1U + data[0]) == over);
    MUST(buf_ok(&got) && buf_ok(&want));
    MUST(span_eq(buf_span(&got), buf_span(&want)));
    if (want.n) {
        UNUSED(read_page(&got, buf_span(&want), want.n)); /* its lines may be longer than a line */
        MUST(got.n <= want.n);
    }
    buf_fini(&want);
    buf_fini(&got);
    return 0;
}
