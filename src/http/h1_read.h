/*
 * h1_read.h - reads HTTP/1.x messages that come in pieces, by llhttp, strictly.
 *
 * Refused beyond what llhttp refuses by itself: a transfer-encoding other than one exact
 * "chunked", two content-lengths even when equal, no, an empty or two hosts, a host with bytes
 * that no host has, an absolute target whose host differs from the host field, CONNECT, "*"
 * except for OPTIONS, a fragment or a byte outside ASCII in the target, a protocol other than
 * HTTP, chunk sizes of more than H1_CHUNK_DIGITS digits, chunk-size lines over H1_CHUNK_LINE
 * bytes, heads past the limits. What two readers could read in two ways is not read at all
 * (RFC 9112, sections 2.2, 5, 6.3, 7.1).
 *
 * Dropped: the fields of framing and of one hop, and in requests names with an underscore
 * ("content_length" is a trap for ends that work like CGI).
 *
 * How the bytes are cut into pieces never changes what is read.
 *
 * Room: http. No I/O. Threads: one owner.
 */
#ifndef HTTP_H1_READ_H
#define HTTP_H1_READ_H

#include <llhttp.h>

#include "base/buf.h"
#include "http/http.h"

#define H1_CHUNK_DIGITS 8
#define H1_CHUNK_LINE   266 /* the digits, extensions to 256 bytes, CR LF */

enum h1_event {
    H1_MORE, /* the piece is used up, and nothing more can be said without another byte */
    H1_HEAD, /* the head is whole: r->head. A request whose body will be too large has one, too: who
              * has the head can say so in its own words. H1_BAD follows */
    H1_BODY, /* a run of body bytes, at least one: step.body */
    H1_END,  /* the message is whole; the next byte begins another one */
    H1_BAD,  /* not to be read further: r->bad_status (for an answer to a client), r->why */
};

struct h1_step {
    enum h1_event ev;
    size_t used; /* bytes of the piece that were taken */
    struct span body;
};

struct h1_field_at {
    uint32_t name, name_n, value, value_n; /* offsets into text */
};

struct h1_read {
    llhttp_t parser;
    llhttp_settings_t settings;
    const struct http_limits *conf;
    struct http_limits limits; /* of this message */
    bool request;
    bool head_only; /* set by the driver: the answer is to HEAD and has no body */

    struct http_head head; /* valid from H1_HEAD until the next message */
    bool keep_alive;       /* the connection may serve another message after this one */
    bool expect_continue;  /* request: "expect: 100-continue" */
    bool chunked, until_eof;
    uint64_t body_seen;

    uint16_t bad_status;
    const char *why;

    struct buf text;        /* the bytes of the head */
    struct h1_field_at *at; /* fields as they come */
    struct http_field *fields;
    size_t at_n, at_cap;
    uint32_t target, target_n;
    size_t chunk_line, chunk_digits; /* bytes and digits of the size line under way */
    size_t overhead;                 /* bytes of the head or the trailer under way */
    size_t proto;                    /* bytes of "HTTP/" seen after the target */
    bool in_value, in_message, head_done, in_digits, in_chunk_line, in_trailer, in_proto;
    bool target_done;
    bool paused;     /* the parser may have more to say without another byte */
    struct span run; /* the body run that paused the parser */
    enum h1_event pending;
};

/* A reader of requests (answers: request == false). *limits must outlive it; each message reads
 * them anew when it begins. Allocates nothing. */
void h1_read_init(struct h1_read *r, bool request, const struct http_limits *limits);
void h1_read_fini(struct h1_read *r);

/* Take one step into [p, p+n). To be called until it says H1_MORE, also when no byte is left:
 * a head without a body is followed by H1_END on no byte at all. */
MUST_CHECK struct h1_step h1_read_next(struct h1_read *r, const char *p, size_t n);

/* The bytes have ended (FIN): H1_END when that ends the message (an answer whose body runs to
 * the end), H1_MORE when no message was under way, else H1_BAD. */
MUST_CHECK enum h1_event h1_read_eof(struct h1_read *r);

/* No byte of a message has been seen since the last one ended. */
bool h1_read_idle(const struct h1_read *r);

#endif
