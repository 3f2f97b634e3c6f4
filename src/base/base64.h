/*
 * base64.h - base64 (RFC 4648): what stands in JSON where bytes are meant.
 *
 * Room: base. Pure. Threads: any.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

/* Append the bytes as base64 text, padded. */
void base64_encode(struct buf *out, struct span bytes);

/* Append the bytes of a text in either alphabet (+/ or -_), with its padding or without it. -1: it
 * is no base64; what has been appended is of no use. */
MUST_CHECK int base64_decode(struct buf *out, struct span text);

#endif
