/*
 * request_head.h - the head of a request to a provider: an attempt's, or one that asks an engine
 * how it is. The client's fields, the provider's credential and what else it insists on, the host.
 *
 * Room: call.
 */
#ifndef CALL_REQUEST_HEAD_H
#define CALL_REQUEST_HEAD_H

#include "call/call.h"

/* Of *conf what concerns the head; the key in it is wiped when it has been sent. */
MUST_CHECK int call_send_head(struct http_stream *s, const struct call_conf *conf, struct err *e);

/* The same before a body of so many bytes that is not *conf's. */
MUST_CHECK int call_send_head_of(struct http_stream *s, const struct call_conf *conf,
                                 uint64_t body_len, struct err *e);

#endif
