/*
 * head.h - what may stand in a head, for the readers and writers of all versions.
 *
 * Room: http, private to it. Pure. Threads: any.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "http/http.h"

/* A field name as we write it: a token in lower case. */
bool head_name_ok(struct span s);

/* No control byte but a tab: what could end a line ends nothing here. */
bool head_value_ok(struct span s);

/* A method: a token, in either case. */
bool head_method_ok(struct span s);

/* A request target: visible ASCII, no fragment. */
bool head_target_ok(struct span s);

/* host[:port] as RFC 3986 spells it; what else stands there was meant for another reader. */
bool head_host_ok(struct span s);

/* Fields of the framing or of one hop, which are never in http_head.fields. */
bool head_is_hop(struct span name);

/* Has an answer of this status never a body? */
bool head_bodyless(uint16_t status);

/* Does this head say how long its body is? Not where a body is never there or never expected. */
bool head_sends_length(const struct http_head *h);

#define HEAD_REFUSAL 256

/* What this room answers by itself: a JSON body with that message; returns its length. */
size_t head_refusal(char out[HEAD_REFUSAL], const char *why);

#define HEAD_DATE 32 /* "Thu, 01 Jan 1970 00:00:00 GMT" and NUL fit */

/* The date field's value for a time; returns out. */
const char *head_date(char out[HEAD_DATE], uint64_t wall_ms);

#endif
