/*
 * request_head.h - the head of an attempt's request: the client's fields, the provider's credential
 * and what else it insists on, the host.
 *
 * Room: call, private to it.
 */
#ifndef CALL_REQUEST_HEAD_H
#define CALL_REQUEST_HEAD_H

#include "call/call.h"

MUST_CHECK int call_send_head(struct http_stream *s, const struct call_conf *conf, struct err *e);

#endif
