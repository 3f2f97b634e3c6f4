/*
 * text.h - the mock's own spelling of JSON strings and the small codings it needs.
 *
 * Room: mock. Threads: any (no state).
 */
#ifndef MOCK_TEXT_H
#define MOCK_TEXT_H

#include "base/buf.h"

#define MOCK_TARGET_MODEL_MAX 4096

/* Append s as a JSON string, with and without its quotes. */
void mock_quote(struct buf *out, struct span s);
void mock_escape(struct buf *out, struct span s);

/* Undo %XX into out, NUL-terminated. -1 when it is malformed, has a NUL or does not fit. */
MUST_CHECK int mock_unescape(struct span s, char *out, size_t cap);

/* Append the bytes of base64 text. -1 when it is malformed. */
MUST_CHECK int mock_base64_add(struct buf *out, struct span s);

/* SHA-256 of n bytes as 64 hexadecimal digits and a NUL. */
void mock_sha256(const void *p, size_t n, char out[65]);

/* Where the first event of a recorded stream ends: after the empty line (SSE), after the frame
 * (AWS event stream), after the line (one JSON value a line). n when it is not whole. */
enum mock_framing { MOCK_FRAMING_WHOLE, MOCK_FRAMING_SSE, MOCK_FRAMING_AWS, MOCK_FRAMING_LINES };
size_t mock_event_end(enum mock_framing framing, const char *p, size_t n);

#endif
