/*
 * failure.h - what has failed, as a class and a reason: of what the upstream said, and of what
 * became of the connection.
 *
 * Room: call, private to it.
 */
#ifndef CALL_FAILURE_H
#define CALL_FAILURE_H

#include "call/call.h"
#include "provider/delay.h"

/* An error event inside of the stream. Class, reason, type and text of *ret are set. */
void failure_streamed(struct call_failure *ret, const struct provider *p,
                      const struct dialect_event *ev);

/* What the head of an error answer says of when to come again, and of limits; in the arena. NULL:
 * no memory. */
struct failure_head {
    struct span delays[PROVIDER_DELAY_FIELDS];
    struct provider_limits limits;
};
const struct failure_head *failure_head(const struct http_head *h, const struct provider *p,
                                        uint64_t wall_ms, struct arena *a);

/* An error answer: what its body says, and its type where only the head says that (may be absent).
 * head: of failure_head(), or NULL. Likewise, and how long it asks to be left alone. */
void failure_answered(struct call_failure *ret, const struct provider *p, uint16_t status,
                      struct span body, struct span type, const struct failure_head *head,
                      uint64_t wall_ms, struct arena *a);

/* A connection that failed. Class and reason of *ret are set. */
void failure_transport(struct call_failure *ret, enum http_fail how, const struct err *e);

#endif
