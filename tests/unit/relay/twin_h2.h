/*
 * twin_h2.h - an upstream of the twin that speaks HTTP/2 by prior knowledge: frames by hand, many
 * streams on a connection, within the windows that it is given.
 */
#ifndef TEST_TWIN_H2_H
#define TEST_TWIN_H2_H

#include "twin.h"

#define H2_UP_ADDR    "127.0.0.1:9001"
#define H2_UP_STREAMS 16 /* of one connection at a time */

/* How an answer ends. The last two take the connection along. */
enum h2_up_end { H2_UP_END_STREAM, H2_UP_RST_STREAM, H2_UP_SILENT, H2_UP_FIN, H2_UP_RESET };

/* What it does with each request: pieces of 1 to piece_max bytes with pauses, until cut_at. */
struct h2_up_script {
    struct span body;
    size_t piece_max, cut_at;
    ev_us gap_max;
    enum h2_up_end end;
};

struct h2_up {
    struct twin *t;
    struct net_listener *listener;
    struct list conns;
    struct h2_up_script script;
    unsigned accepted, requests;
    unsigned resets; /* RST_STREAM that came; the last one's code, and when it came */
    uint32_t reset_code;
    ev_us reset_at;
};

/* On the twin's network; closed before the twin. */
void h2_up_open(struct h2_up *u, struct twin *t);
void h2_up_close(struct h2_up *u);

#endif
