/*
 * conn.h - one connection of the mock, shared by the file that reads (serve.c) and the one that
 * sends (send.c).
 *
 * Room: mock. Threads: one loop.
 */
#ifndef MOCK_CONN_H
#define MOCK_CONN_H

#include "mock/answer.h"
#include "mock/serve.h"
#include "net/net.h"

#define MOCK_CONN_MAGIC  0x6d6f636bU
#define MOCK_ARENA_BYTES ((size_t)96 * 1024 * 1024) /* of one request's facts */

enum mock_conn_state {
    MOCK_READING, /* a request, or nothing, is coming in */
    MOCK_WAITING, /* the request is whole, the head waits for its time */
    MOCK_SENDING,
    MOCK_HOLDING,   /* silent or stalled, by order */
    MOCK_DRAINING,  /* all is written, not all has left */
    MOCK_IDLE,      /* answered; something unasked for comes after a while */
    MOCK_LINGERING, /* FIN is sent, what still comes in is thrown away */
    MOCK_GONE,      /* closed; freed at the end of the turn */
};

enum mock_conn_part { MOCK_PART_INTERIM, MOCK_PART_HEAD, MOCK_PART_BODY, MOCK_PART_END };

/* What happens when all that was staged has been written. */
enum mock_conn_then {
    MOCK_THEN_MORE, /* stage more */
    MOCK_THEN_FULL, /* the answer is complete */
    MOCK_THEN_END,  /* cut as how= says */
    MOCK_THEN_STALL,
    MOCK_THEN_CLOSE, /* FIN */
};

struct mock_conn {
    uint32_t magic;
    enum mock_conn_state state;
    struct mock *mock;
    struct net_conn *net;
    struct list link;
    struct ev_timer timer;
    struct ev_post free_post;
    uint64_t id;

    struct buf in; /* what came before its turn */
    bool in_eof, fed_head;
    struct mock_req req;
    struct arena arena;
    struct mock_facts facts;
    struct mock_how how;
    struct mock_answer answer;
    bool has_answer;

    uint64_t number; /* of the request, 0: none */
    ev_us asked_at, wrote_at;
    uint64_t body_bytes; /* of the answer, staged so far */

    enum mock_conn_part part;
    enum mock_conn_then then;
    enum mock_frame frame; /* CHUNKED, LENGTH or CLOSE */
    bool close_after, head_sent, paced;
    struct mock_piece piece;
    uint64_t event, comments_left;
    uint64_t cut_byte, cut_event, head_cut; /* places of a cut or stall; MOCK_UNSET: none */
    struct buf out;                         /* staged bytes, framing included */
    size_t out_at;                          /* of which written */
};

/* serve.c */

/* Close the connection this way and log the end of its answer, if one was under way. */
void mock_conn_end(struct mock_conn *c, enum net_end how, const char *word);
/* The answer is over and the connection is ready for the next request. */
void mock_conn_next(struct mock_conn *c);
/* Log the end of the answer. */
void mock_conn_log_end(struct mock_conn *c, const char *word);
void mock_conn_arm(struct mock_conn *c, ev_us in);
/* Refuse connections for so long, as a server does that is not there. */
void mock_refuse(struct mock *m, ev_us us);

/* send.c */

/* The request is known and its behaviour too: answer it. */
void mock_send_start(struct mock_conn *c);
/* Answer with a plain error of the mock's own, then close. */
void mock_send_refusal(struct mock_conn *c, unsigned status, const char *text);
/* The timer fired, or bytes have left. */
void mock_send_timer(struct mock_conn *c);
void mock_send_sent(struct mock_conn *c);

#endif
