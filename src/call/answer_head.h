/*
 * answer_head.h - what the head alone says of an answer: of which kind its body is, and of an
 * error, what it is called.
 *
 * Room: call, private to it.
 */
#ifndef CALL_ANSWER_HEAD_H
#define CALL_ANSWER_HEAD_H

#include "base/arena.h"
#include "codec/reframe.h"
#include "http/http.h"

/* Why it is certainly not an answer of an API, or NULL. */
const char *answer_head_junk(const struct http_head *h);

/* Is the body a stream of events? other: what the provider may have in place of server-sent events.
 * *ret_framing: how they come. */
bool answer_head_events(const struct http_head *h, enum reframe_kind other,
                        enum reframe_kind *ret_framing);

/* What the field says of an error: "ThrottlingException" of "ThrottlingException:http://...".
 * Absent without such a field, or where the provider has none (NULL). */
struct span answer_head_error(const struct http_head *h, const char *field);

#endif
