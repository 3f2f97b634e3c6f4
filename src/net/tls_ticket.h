/*
 * tls_ticket.h - the keys under which a server gives its clients their sessions to keep.
 *
 * Room: net, private. Threads: one loop.
 */
#ifndef NET_TLS_TICKET_H
#define NET_TLS_TICKET_H

#include "net/tls_impl.h"

/* Have the context's tickets made with keys of ctx->ticket_secret and of the time. */
MUST_CHECK int tls_ticket_use(struct tls_ctx *ctx, struct err *e);

#endif
