/*
 * bed.h - a server and a pool in one virtual process, and exchanges that check themselves.
 *
 * An exchange (struct xchg) is one request through the pool and what the server's handler makes
 * of it; both sides send bodies of a pattern that is checked byte by byte on the other side. The
 * path is the exchange's number. Raw ends (struct raw) speak bytes, for peers that are odd.
 */
#ifndef TESTS_HTTP_BED_H
#define TESTS_HTTP_BED_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "ev/ev_sim.h"
#include "http/client.h"
#include "http/server.h"
#include "net/addr.h"
#include "net/net_sim.h"

#define XCHGS_MAX 64
#define RAWS_MAX  16
#define RAW_MAX   ((size_t)4 << 20)
#define PORT      8080
#define RAW_PORT  9090 /* of the raw server */

enum eat { EAT_AT_ONCE, EAT_LATER, EAT_NEVER };

/* Where a side ends its stream by itself. */
enum at { AT_NEVER, AT_REQUEST, AT_CONNECTED, AT_HEAD, AT_BODY, AT_END, AT_SENT, AT_FAIL };

struct plan {
    const char *method; /* NULL: POST */
    uint64_t up, down;  /* bytes of body */
    bool up_chunked, down_chunked;
    uint16_t status; /* 0: 200 */
    size_t piece;    /* bytes a send; 0: 16 KiB */
    enum eat client_eats, server_eats;
    bool widens;        /* the client lets the answer have the large window */
    bool early;         /* the handler answers in on_request */
    bool never;         /* the handler does not answer */
    ev_us think;        /* the handler answers so long after on_end */
    uint64_t down_stop; /* the handler sends this much and then breaks; 0: never */
    bool any_body;      /* bytes that come need not be of the pattern */
    bool keeps;         /* sides keep their stream beyond on_fail */
    enum at client_closes, server_closes;
    enum http_close how;
};

struct bed;
struct xchg;

/* One side of an exchange. */
struct side {
    struct xchg *x;
    bool server;
    struct http_stream *s;
    const struct http_head *h;
    unsigned heads, ends, fails, connects;
    bool pooled;
    enum http_fail how;
    struct err why;
    ev_us ended_at, failed_at;
    uint16_t status;
    uint64_t got, eaten, got_max;    /* of the body received */
    uint64_t to_send, sent, left;    /* of the body sent: in all, written, reported */
    bool sending, send_end, refused; /* refused: bytes of the body were not taken */
    struct ev_timer eat, think;
};

struct xchg {
    struct bed *b;
    unsigned n;
    struct plan plan;
    struct side c, v; /* client, server */
};

enum then { RAW_STAYS, RAW_FIN, RAW_RST, RAW_ACKED };

struct raw {
    struct bed *b;
    struct net_conn *conn;
    struct net_connect *dial;
    struct buf in;
    bool eof, broken;
    ev_us eof_at, broken_at;
    const char *answer; /* of a raw server: sent once `until` has come */
    size_t answer_n;    /* 0: up to its NUL */
    const char *until;
    const char *greeting; /* sent at once */
    size_t greeting_n;
    enum then then;
    unsigned answers;
};

struct bed {
    struct ev *ev;
    struct net_sim *sim;
    struct net *server_net, *client_net;
    struct http_server_conf sc;
    struct http_pool_conf pc;
    struct resolver *resolver;
    struct net_sim_conf nc;
    struct http_server *server;
    struct http_pool *pool;
    struct xchg x[XCHGS_MAX];
    unsigned xs;
    struct raw raw[RAWS_MAX]; /* those that connected and those that were accepted */
    unsigned raws;
    struct net_listener *raw_listener;
    struct raw script; /* what an accepted raw end does */
    unsigned drained;
    struct buf trace;
    bool tracing, lenient; /* lenient: requests may meet faults anywhere */
};

/* Byte `at` of the body of exchange n. */
unsigned char pattern(unsigned n, bool up, uint64_t at);

struct net_addr addr_of(const char *text);

/* Close the stream of a side and stop its clocks. */
void end_side(struct side *d, enum http_close how);

/* Is the answer the handler's, not one of the server's own refusals? */
bool as_planned(const struct side *d);

/* An exchange without a request of the pool (a raw end will send it). */
struct xchg *expect_request(struct bed *b, struct plan plan);

/* Its client's side hears of the stream that it got. */
void bind_client(struct xchg *x);

/* Send a request through the pool. NULL: the pool refused. */
struct xchg *request(struct bed *b, struct plan plan);
struct bed *bed_new(void);

/* -1: no memory; then all that is there can still be freed. */
int bed_try_start(struct bed *b, uint64_t seed);
struct bed *bed_start(struct bed *b);
void run_ms(struct bed *b, uint64_t ms);
void bed_free(struct bed *b);
void raw_send_n(struct raw *r, const char *p, size_t n);
void raw_send(struct raw *r, const char *text);
void raw_close(struct raw *r, enum net_end how);
bool raw_has(const struct raw *r, const char *text);
unsigned raw_count(const struct raw *r, const char *text);

/* A raw client, connected to the server. */
struct raw *raw_connect(struct bed *b);

/* Let the pool meet a raw server that answers once `until` has come, and then ends so; before
 * bed_start(). */
void raw_serve(struct bed *b, const char *until, const char *answer, enum then then);

/* Start it; after bed_start(). */
void raw_listen(struct bed *b);

#endif
