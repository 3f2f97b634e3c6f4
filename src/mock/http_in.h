/*
 * http_in.h - the mock's own reader of HTTP/1.1 requests.
 *
 * It is strict and knows one spelling of everything: a gateway that sends anything else is to
 * be found out here, not helped. Feed bytes as they come; the reader says how many it used.
 *
 * Room: mock. Threads: one loop.
 */
#ifndef MOCK_HTTP_IN_H
#define MOCK_HTTP_IN_H

#include "base/buf.h"

#define MOCK_HEAD_BYTES_MAX ((size_t)256 * 1024)
#define MOCK_FIELDS_MAX     256
#define MOCK_BODY_BYTES_MAX ((size_t)64 * 1024 * 1024)

struct mock_field {
    size_t name, name_n, value, value_n; /* places in mock_req.head */
};

enum mock_req_state {
    MOCK_REQ_HEAD, /* the head is not whole yet */
    MOCK_REQ_BODY, /* the head is, the body is not */
    MOCK_REQ_DONE,
    MOCK_REQ_BAD, /* *e said why */
};

struct mock_req {
    enum mock_req_state state;
    struct buf head; /* request line and fields, with their line ends */
    struct buf body; /* without the chunk framing */
    size_t method_n, target, target_n;
    bool http10, chunked, expect_100, close;
    struct mock_field fields[MOCK_FIELDS_MAX];
    size_t fields_n;
    uint64_t need;   /* bytes of the body, or of the current chunk, still to come */
    int chunk_state; /* private */
    struct buf line; /* a chunk's size line or a trailer so far */
};

void mock_req_init(struct mock_req *r);
void mock_req_fini(struct mock_req *r);
/* Ready for the next request; keeps the memory. */
void mock_req_reset(struct mock_req *r);

/* Give n bytes; *used says how many belong to this request. It stops where the head ends (so
 * that the caller may act) and where the request ends. -1: the request is BAD. */
MUST_CHECK int mock_req_feed(struct mock_req *r, const char *p, size_t n, size_t *used,
                             struct err *e);

struct span mock_req_method(const struct mock_req *r);
struct span mock_req_target(const struct mock_req *r);
/* The first field of that name (any case), or absent. */
struct span mock_req_field(const struct mock_req *r, const char *name);

#endif
