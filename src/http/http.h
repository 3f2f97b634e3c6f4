/*
 * http.h - one message model for HTTP/1.1 and HTTP/2, for servers and clients.
 *
 * An exchange (one request and its answer) is a `struct http_stream`, seen from one side: a
 * server receives a request on it and sends an answer, a client sends a request and receives an
 * answer. Everything above this room handles streams and never asks for a version.
 *
 * Back-pressure, both directions, in bytes of body:
 *   receiving: at most HTTP_WINDOW bytes are delivered beyond what http_consumed() gave back; of
 *              an answer at most HTTP_ANSWER_WINDOW, until http_widen();
 *   sending:   http_send_body() always queues; the sender keeps (sent - on_sent) below
 *              HTTP_WINDOW, which bounds what is held here.
 *
 * Life: the side that got the stream ends it with http_stream_close(), exactly once, also after
 * on_fail. No callback comes after that, and none comes inside a call of this header.
 *
 * Room: http (uses base codec ev net). Threads: one loop.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define HTTP_WINDOW ((size_t)64 * 1024)
/* Small, for answers are many and their readers may be slow. */
#define HTTP_ANSWER_WINDOW ((size_t)34 * 1024)
#define HTTP_CREDIT        ((size_t)8 * 1024) /* HTTP/2: what is given back is told in such steps */
#define HTTP_LEN_UNKNOWN   UINT64_MAX

struct http_field {
    struct span name;  /* lower case */
    struct span value; /* trimmed; no CR, LF, NUL */
};

/* The head of a request or an answer. Received: all spans live as long as the stream. To be sent:
 * borrowed until http_send_head() returns. Framing and hop-by-hop fields (connection,
 * content-length, transfer-encoding, keep-alive, te, trailer, upgrade, host, ...) are not in
 * `fields` in either direction: the stream makes and reads them itself. */
struct http_head {
    struct span method;    /* request */
    struct span path;      /* request: origin form with query, begins with '/' (or "*") */
    struct span authority; /* request: host[:port] */
    uint16_t status;       /* answer: 200..599 */
    uint8_t version;       /* received: 10, 11, 20 */
    uint64_t body_len;     /* exact, or HTTP_LEN_UNKNOWN; 0: there is no body */
    const struct http_field *fields;
    size_t fields_n;
    const struct http_field *secret; /* sent: the one of them that no table may keep; NULL: none */
};

/* Whom a Host names. A web page that has bent its own name to point here sends that name, so who
 * serves a host without asking for a key takes none but the first two. */
enum http_host {
    HTTP_HOST_LOCAL, /* localhost, or a loopback address */
    HTTP_HOST_ADDRESS,
    HTTP_HOST_NAME
};

enum http_host http_host_kind(struct span authority);

/* The first field of that (lower case) name, or the absent span. */
struct span http_field_get(const struct http_head *h, const char *name);

enum http_fail {
    HTTP_FAIL_NOT_SENT,   /* client: nothing of the request was processed; safe to send again */
    HTTP_FAIL_UNANSWERED, /* client: the connection ended after bytes went out, and before
                           * anything about this exchange came back */
    HTTP_FAIL_SENT,       /* client: it broke in another way after bytes went out */
    HTTP_FAIL_GONE,       /* server: the client went away */
    HTTP_FAIL_REQUEST,    /* server: the request's body is malformed (ERR_PROTOCOL), too large
                           * (ERR_LIMIT) or stalled (ERR_TIMEOUT); it can still be answered, and
                           * the connection ends after that. HTTP_FAIL_GONE may follow */
};

struct http_stream;

struct http_stream_cb {
    /* Client only: the head of the final answer (1xx are swallowed, at most 10). */
    void (*on_head)(void *arg, const struct http_head *h);
    /* n >= 1 bytes of body, borrowed until return; give them back with http_consumed(). */
    void (*on_body)(void *arg, const char *p, size_t n);
    /* The message has been received whole, as its own framing says. */
    void (*on_end)(void *arg);
    /* n bytes of body that we sent have left (HTTP/2: are framed, in order, on a queue of at most
     * 64 KiB a connection). */
    void (*on_sent)(void *arg, size_t n);
    /* The exchange is broken; nothing more comes. */
    void (*on_fail)(void *arg, enum http_fail how, const struct err *e);
};

enum http_close {
    HTTP_CLOSE_DONE,   /* as the messages' state says: whole ones end in order, a half-sent
                        * answer or request ends as BROKEN */
    HTTP_CLOSE_BROKEN, /* the peer must see that the message is not complete: HTTP/1.1 ends
                        * without the last chunk, 1.0 resets when all is acknowledged, HTTP/2
                        * sends RST_STREAM (server: INTERNAL_ERROR, likewise; client: CANCEL) */
};

struct http_stream_ops {
    const char *name;
    int (*send_head)(struct http_stream *s, const struct http_head *h, struct err *e);
    int (*send_body)(struct http_stream *s, const char *p, size_t n, struct err *e);
    int (*send_end)(struct http_stream *s, struct err *e);
    void (*consumed)(struct http_stream *s, size_t n);
    void (*widen)(struct http_stream *s);                      /* a client's */
    void (*close)(struct http_stream *s, enum http_close how); /* takes s */
};

/* First member of every version's stream. */
struct http_stream {
    const struct http_stream_ops *ops;
    const struct http_stream_cb *cb;
    void *arg;
};

/* Say who is told. A server handler does so in on_request, before it returns. */
void http_stream_bind(struct http_stream *s, const struct http_stream_cb *cb, void *arg);

/* Send the head; once. With body_len known, exactly that many bytes must follow. */
MUST_CHECK int http_send_head(struct http_stream *s, const struct http_head *h, struct err *e);
MUST_CHECK int http_send_body(struct http_stream *s, const char *p, size_t n, struct err *e);
/* The body is whole. */
MUST_CHECK int http_send_end(struct http_stream *s, struct err *e);
void http_consumed(struct http_stream *s, size_t n);
/* Client, from on_head: this answer may have the whole of HTTP_WINDOW. */
void http_widen(struct http_stream *s);
/* End *s and set it to NULL; NULL is fine. */
void http_stream_close(struct http_stream **s, enum http_close how);

/* Bounds of a received message; see settings for the keys that set them. */
struct http_limits {
    size_t head_bytes;   /* all of the head: request line or status line and fields (32 KiB) */
    size_t fields;       /* how many fields (100) */
    size_t path_bytes;   /* the request target (8 KiB) */
    uint64_t body_bytes; /* the body (requests 64 MiB; answers: unlimited here) */
};

extern const struct http_limits http_limits_default;

/* The standard reason phrase of a status, "" for an unknown one. */
const char *http_status_text(uint16_t status);

#endif
