/*
 * row.c - see row.h. Counters are added to and never set: the row goes on counting where the
 * process before this one stopped.
 */
#include "cmd/row.h"

void row_write(struct board_row *row, struct row_seen *seen, const struct gateway *g)
{
    const struct http_server_stats *s = http_server_stats(g->server);
    struct http_pool_stats pools;

    board_add(&row->requests, s->requests_total - seen->server.requests_total);
    board_add(&row->conns_accepted, s->conns_total - seen->server.conns_total);
    board_add(&row->refused, s->refused_total - seen->server.refused_total);
    board_add(&row->glitches, s->glitches_total - seen->server.glitches_total);
    seen->server = *s;
    board_add(&row->repeated, g->relay.stats.repeated_total - seen->repeated_total);
    seen->repeated_total = g->relay.stats.repeated_total;
    call_pools_stats(g->pools, &pools);
    board_add(&row->dials, pools.dials_total - seen->pools.dials_total);
    board_add(&row->reused, pools.reused_total - seen->pools.reused_total);
    board_add(&row->resent, pools.fresh_total - seen->pools.fresh_total);
    seen->pools = pools;
    board_set(&row->live, g->relay.stats.live);
    board_set(&row->conns, s->conns_now);
    board_set(&row->body_bytes, g->relay.blobs.bytes);
    board_set(&row->spooled_bytes, g->relay.blobs.spooled);
}
