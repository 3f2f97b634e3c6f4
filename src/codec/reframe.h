/*
 * reframe.h - turns a stream of another framing into server-sent events, so that everything behind
 * it reads one framing, and a client that speaks the dialect gets it in the one that it knows.
 *
 * NDJSON: each line is an event's data; empty lines say nothing.
 *
 * AWS's event stream: a message of type "event" is an event of its :event-type, its payload the
 * data. A "chunk" (InvokeModelWithResponseStream) has the model's own event inside, base64: that is
 * what comes out, named by its "type". An exception or an error becomes the event "error":
 *     {"type":"error","error":{"type":"throttlingException","message":"..."}}
 *
 * Nothing is believed before it is whole: a line has its end, a message its checksums. What is
 * broken stays broken.
 *
 * Room: codec. Pure but for the memory of one line or message. Threads: one owner.
 */
#ifndef CODEC_REFRAME_H
#define CODEC_REFRAME_H

#include "codec/aws_event.h"

#define REFRAME_LINE_MAX AWS_EVENT_MAX /* longest line of NDJSON */

enum reframe_kind {
    REFRAME_NONE, /* server-sent events as they are */
    REFRAME_NDJSON,
    REFRAME_AWS,
};

/* The content-type of a framing, without parameters. */
const char *reframe_type(enum reframe_kind kind);

/* Private. */
struct reframe {
    enum reframe_kind kind; /* not REFRAME_NONE */
    struct aws_event_reader aws;
    struct buf line; /* one that is cut by the end of a piece */
};

void reframe_init(struct reframe *r, enum reframe_kind kind);
void reframe_fini(struct reframe *r);

/* Append to out the events that are whole with these bytes. -1: the framing is broken
 * (ERR_PROTOCOL), a line or message is too long, there is no memory; what out got before it stands.
 */
MUST_CHECK int reframe_feed(struct reframe *r, struct span bytes, struct buf *out, struct err *e);

/* The stream has ended: append what the end makes whole. -1: it ended inside of an event. */
MUST_CHECK int reframe_end(struct reframe *r, struct buf *out, struct err *e);

#endif
