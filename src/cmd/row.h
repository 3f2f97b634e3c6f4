/*
 * row.h - what a gateway has counted, into its row of the board.
 *
 * Room: cmd. Threads: the gateway's loop.
 */
#ifndef CMD_ROW_H
#define CMD_ROW_H

#include "relay/gateway.h"

/* Starts as zeros: what the row's counters have already. */
struct row_seen {
    struct http_server_stats server;
    struct http_pool_stats pools;
    uint64_t repeated_total;
};

/* Add what is new to the row's counters, and set its gauges. */
void row_write(struct board_row *row, struct row_seen *seen, const struct gateway *g);

#endif
