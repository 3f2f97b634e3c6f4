/*
 * h1_message.h - what h1_request.c and h1_response.c have in common.
 */
#ifndef FUZZ_H1_MESSAGE_H
#define FUZZ_H1_MESSAGE_H

#include "http/h1_read.h"
#include "http/h1_write.h"
#include "http/head.h"

#define OUT_MAX  (4U << 20)
#define HEAD_MAX 4096

static const struct http_limits h1_message_limits = {
    .head_bytes = HEAD_MAX, .fields = 20, .path_bytes = 256, .body_bytes = 2000};

static void print_head(struct buf *out, const struct http_head *h)
{
    buf_printf(out, "%.*s %.*s %.*s %u %llu\n", SPAN_FMT(h->method), SPAN_FMT(h->path),
               SPAN_FMT(h->authority), h->status, (unsigned long long)h->body_len);
    for (size_t i = 0; i < h->fields_n; i++) {
        MUST(head_name_ok(h->fields[i].name) && head_value_ok(h->fields[i].value));
        MUST(!head_is_hop(h->fields[i].name));
        buf_printf(out, "%.*s: %.*s\n", SPAN_FMT(h->fields[i].name), SPAN_FMT(h->fields[i].value));
    }
}

/* Write the head that was read and read it again. */
static void write_and_read(const struct h1_read *r, bool request)
{
    struct h1_write_opts opts = {.chunked = r->head.body_len == HTTP_LEN_UNKNOWN};
    struct http_limits wide = h1_message_limits;
    struct buf bytes, want, got;
    struct h1_read again;
    struct h1_step step;
    struct err e;

    wide.head_bytes = 4 * HEAD_MAX; /* what we add: "host: ...", "content-length: ..." */
    wide.fields += 2;
    buf_init(&bytes, OUT_MAX);
    buf_init(&want, OUT_MAX);
    buf_init(&got, OUT_MAX);
    if (request && r->head.authority.n == 0) /* 1.0 without a host is not passed on as it is */
        goto out;
    MUST((request ? h1_write_request : h1_write_response)(&bytes, &r->head, &opts, &e) == 0);
    h1_read_init(&again, request, &wide);
    step = h1_read_next(&again, bytes.p, bytes.n);
    MUST(step.ev == H1_HEAD && step.used == bytes.n);
    print_head(&want, &r->head);
    print_head(&got, &again.head);
    MUST(span_eq(buf_span(&want), buf_span(&got)));
    h1_read_fini(&again);
out:
    buf_fini(&bytes);
    buf_fini(&want);
    buf_fini(&got);
}

/* Take all steps of a piece; false: bad. */
static bool read_piece(struct buf *out, struct h1_read *r, const char *p, size_t n, bool *body)
{
    size_t used = 0;

    for (;;) {
        struct h1_step step = h1_read_next(r, p + used, n - used);

        MUST(step.used <= n - used);
        used += step.used;
        if (*body && step.ev != H1_BODY && step.ev != H1_MORE)
            buf_add_char(out, '\n');
        *body = step.ev == H1_BODY || (*body && step.ev == H1_MORE);
        if (step.ev == H1_MORE) {
            MUST(used == n);
            return true;
        }
        if (step.ev == H1_HEAD) {
            print_head(out, &r->head);
            write_and_read(r, r->request);
        } else if (step.ev == H1_BODY) {
            MUST(step.body.n > 0);
            buf_add_span(out, step.body);
        } else if (step.ev == H1_END) {
            buf_add_str(out, "end\n");
        } else {
            MUST(r->why && r->bad_status >= 400);
            buf_printf(out, "bad %u\n", r->bad_status);
            return false;
        }
    }
}

/* Read the text in pieces of 1 to `most` bytes (0: at once), each in memory of its own. */
static void read_cut(struct buf *out, bool request, struct span s, unsigned most)
{
    struct h1_read r;
    uint64_t dice = most;
    bool good = true, body = false;

    h1_read_init(&r, request, &h1_message_limits);
    for (size_t at = 0; at < s.n && good;) {
        size_t piece = s.n - at;
        char *copy;

        dice = (dice ^ at) * UINT64_C(0x9E3779B97F4A7C15);
        if (most)
            piece = MIN(piece, 1 + (size_t)((dice >> 32) % most));
        copy = malloc(piece);
        MUST(copy);
        memcpy(copy, s.p + at, piece);
        good = read_piece(out, &r, copy, piece, &body);
        free(copy);
        at += piece;
    }
    if (good)
        buf_printf(out, "%seof %d\n", body ? "\n" : "", (int)h1_read_eof(&r));
    h1_read_fini(&r);
}

static int h1_message_check(bool request, const uint8_t *data, size_t len)
{
    struct buf want, got;
    struct span s;

    if (len < 1)
        return 0;
    s = span_of((const char *)data + 1, len - 1);
    buf_init(&want, OUT_MAX);
    buf_init(&got, OUT_MAX);
    read_cut(&want, request, s, 0);
    for (unsigned i = 0; i < 2; i++) {
        buf_reset(&got);
        read_cut(&got, request, s, i ? 1U + data[0] : 1);
        MUST(buf_ok(&got) && buf_ok(&want));
        MUST(span_eq(buf_span(&got), buf_span(&want)));
    }
    buf_fini(&want);
    buf_fini(&got);
    return 0;
}

#endif
